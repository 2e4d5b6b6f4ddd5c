"""A stand-in for the AWS CLI on a sandbox host: `s3 cp s3://… FILE`, `s3api head-object`, `s3api get-object`, and
`ssm get-parameters`, `secretsmanager get-secret-value` as the real one prints them with `--output json`, byte for byte.

Speaks the real protocols over HTTP to the endpoint in AWS_ENDPOINT_URL, and signs by Signature Version 4.
Starts in a few hundredths of a second, which the real one does not: standard library only, run with `python -IS`.
"""

import json
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # an isolated Python does not look there by itself
from signing import signed  # type: ignore[import-not-found]

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    Request = tuple[str, str, str]  # method, quoted path, and query in the order that is signed

REASONS = {403: "Forbidden", 404: "Not Found"}
PARAMETER = ("Name", "Type", "Value", "Version", "Selector", "SourceResult", "LastModifiedDate", "ARN", "DataType")
SECRET = ("ARN", "Name", "VersionId", "SecretBinary", "SecretString", "VersionStages", "CreatedDate")


class Failed(Exception):
    """One line for stderr, and the AWS CLI's exit code."""

    def __init__(self, line: str, code: int = 254) -> None:
        super().__init__(line)
        self.code = code


class Answer:
    """An HTTP answer.

    Its headers' names are in lower case, its body is a file that is not yet read.
    """

    def __init__(self, status: int, headers: "dict[str, str]", body: "BinaryIO") -> None:
        self.status, self.headers, self.body = status, headers, body


def quoted(text: str) -> str:
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode())


def in_query(text: str) -> str:
    """Quote a value of a query: there a slash is one of the data's."""
    return quoted(text).replace("/", "%2F")


def ask(method: str, bucket: str, key: str, query: str = "") -> Answer:
    head = {"x-amz-checksum-mode": "ENABLED"}
    path = f"/{quoted(bucket)}/{quoted(key)}"
    return send((method, path, query), "s3", os.environ.get("AWS_REGION", "us-east-1"), head)


def send(request: "Request", service: str, region: str, more: "dict[str, str]", body: bytes = b"") -> Answer:
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    host, port = endpoint.removeprefix("http://").rsplit(":", 1)
    try:
        connection = socket.create_connection((host, int(port)), timeout=60)
    except OSError as reason:
        raise Failed(f'Could not connect to the endpoint URL: "{endpoint}/" ({reason})', 255) from reason
    method, path, query = request
    head = [f"{method} {path}{query and '?'}{query} HTTP/1.1", "Connection: close"]
    head += [*signed(request, service, region, {"host": f"{host}:{port}", **more}, body), "", ""]
    connection.sendall("\r\n".join(head).encode() + body)
    answer = connection.makefile("rb")
    status = int(answer.readline().split()[1])
    headers = {}
    for line in iter(answer.readline, b"\r\n"):
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return Answer(status, headers, answer)


def refuse(operation: str, status: int, key: str) -> None:
    called = f"An error occurred ({status}) when calling the {operation} operation"
    if status == 404:
        raise Failed(f'{called}: Key "{key}" does not exist')
    if status >= 300:
        raise Failed(f"{called}: {REASONS.get(status, 'Error')}")


def save(answer: Answer, target: str) -> None:
    """Write the body beside the target, then rename it."""
    # A connection that is cut leaves no half file.
    expected, written = int(answer.headers["content-length"]), 0
    partial = f"{target}.{os.getpid()}"
    with open(partial, "wb") as file:
        for block in iter(lambda: answer.body.read(1 << 20), b""):
            file.write(block)
            written += len(block)
    if written != expected:
        os.unlink(partial)
        raise Failed(f"the connection ended after {written} of {expected} bytes", 255)
    os.replace(partial, target)


def dated(text: str) -> str:
    """Write a header's date as the CLI has it: 2026-11-21T10:00:00+00:00."""
    from datetime import datetime

    return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").isoformat() + "+00:00" if text else ""


def described(headers: "dict[str, str]") -> str:
    prefix = "x-amz-meta-"
    value: dict[str, object] = {
        "ContentLength": int(headers.get("content-length", 0)),
        "LastModified": dated(headers.get("last-modified", "")),
        "ETag": headers.get("etag", ""),
        "Metadata": {name[len(prefix) :]: text for name, text in headers.items() if name.startswith(prefix)},
    }
    if "x-amz-checksum-sha256" in headers:
        value["ChecksumSHA256"] = headers["x-amz-checksum-sha256"]
    return json.dumps(value, indent=4)


def parsed(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Return flags that take a value, and the other words."""
    # Flags that only quieten are passed over.
    silencing = {"--quiet", "--only-show-errors", "--no-progress", "--no-cli-pager"}
    values: dict[str, str] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word.startswith("--") and word not in silencing:
            name, sign, value = word.partition("=")
            values[name] = value if sign else next(left, "")
        elif not word.startswith("--"):
            rest.append(word)
    return values, rest


def copy(words: "list[str]") -> None:
    _, places = parsed(words)
    if len(places) != 2 or not places[0].startswith("s3://") or places[1].startswith("s3://"):
        raise Failed("usage: aws s3 cp s3://BUCKET/KEY FILE (the sandbox's stand-in downloads, and nothing else)", 252)
    bucket, _, key = places[0].removeprefix("s3://").partition("/")
    target = os.path.join(places[1], key.rsplit("/", 1)[-1]) if os.path.isdir(places[1]) else places[1]
    try:
        answer = ask("GET", bucket, key)
        refuse("HeadObject", answer.status, key)  # the real one asks HEAD first, and fails there
    except Failed as problem:
        raise Failed(f"fatal error: {problem}", 1) from problem
    save(answer, target)


def listed(words: "list[str]") -> None:
    """List a prefix as `aws s3 ls s3://BUCKET/PREFIX --recursive` does."""
    # Date, size and key of every object; exit 1 if there is none.
    from xml.etree import ElementTree  # nosec B405 (slow to import, and only wanted here: the sandbox's own answer)

    flags = {"--recursive"}
    places = [word for word in words if word not in flags]
    if len(places) != 1 or "--recursive" not in words:
        raise Failed("usage: aws s3 ls s3://BUCKET/PREFIX --recursive (so much the sandbox's stand-in knows)", 252)
    bucket, _, prefix = places[0].removeprefix("s3://").partition("/")
    rows, token = [], ""
    while True:
        more = f"continuation-token={in_query(token)}&" if token else ""
        answer = ask("GET", bucket, "", f"{more}list-type=2&prefix={in_query(prefix)}")
        if answer.status >= 300:
            raise Failed(f"An error occurred ({answer.status}) when calling the ListObjectsV2 operation")
        page = ElementTree.fromstring(answer.body.read())  # noqa: S314 (the sandbox's own answer)
        rows += [row for row in page if row.tag.endswith("}Contents")]
        token = page.findtext("{*}NextContinuationToken") or ""
        if not token:
            break
    for row in rows:
        when = (row.findtext("{*}LastModified") or "")[:19].replace("T", " ")
        print(f"{when} {int(row.findtext('{*}Size') or 0):>10} {row.findtext('{*}Key')}")
    if not rows:
        raise Failed("", 1)


def api(operation: str, words: "list[str]") -> None:
    flags, files = parsed(words)
    if "--bucket" not in flags or "--key" not in flags:
        raise Failed("aws: the following arguments are required: --bucket, --key", 252)
    key = flags["--key"]
    method, name = ("HEAD", "HeadObject") if operation == "head-object" else ("GET", "GetObject")
    answer = ask(method, flags["--bucket"], key)
    if answer.status == 404 and method == "GET":
        code = "NoSuchBucket" if b"NoSuchBucket" in answer.body.read() else "NoSuchKey"
        raise Failed(f"An error occurred ({code}) when calling the GetObject operation: it does not exist")
    refuse(name, answer.status, key)
    if method == "GET":
        save(answer, files[0])
    print(described(answer.headers))


def call(service: str, target: str, asked: "dict[str, object]", region: str) -> "dict[str, Any]":
    """Call an operation of the JSON protocol and return its answer."""
    # Its error reads as the real CLI's.
    body = json.dumps(asked).encode()
    head = {
        "x-amz-target": target,
        "content-type": "application/x-amz-json-1.1",
        "content-length": str(len(body)),
    }
    answer = send(("POST", "/", ""), service, region, head, body)
    value: dict[str, Any] = json.loads(answer.body.read())
    if answer.status != 200:
        code = str(value.get("__type", "Unknown")).rsplit("#", 1)[-1]
        message = value.get("message", value.get("Message", ""))
        raise Failed(f"An error occurred ({code}) when calling the {target.rsplit('.', 1)[-1]} operation: {message}")
    return value


def region_of(flags: "dict[str, str]") -> str:
    return flags.get("--region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def ordered(value: "dict[str, Any]", names: "tuple[str, ...]") -> "dict[str, Any]":
    """Put an answer's members in the API model's order."""
    # Times in ISO 8601: as version 2 of the CLI prints them.
    from datetime import datetime

    members = {name: value[name] for name in names if name in value}
    for name in members.keys() & {"LastModifiedDate", "CreatedDate"}:
        members[name] = datetime.fromtimestamp(members[name]).astimezone().isoformat()
    return members


def printed(value: "dict[str, object]") -> None:
    sys.stdout.buffer.write((json.dumps(value, indent=4, ensure_ascii=False) + "\n").encode())


def parameters(words: "list[str]") -> None:
    flags, rest = parsed([word for word in words if word != "--with-decryption"])
    if "--names" not in flags:
        raise Failed("aws: error: the following arguments are required: --names", 252)
    asked: dict[str, object] = {"Names": [flags["--names"], *rest], "WithDecryption": "--with-decryption" in words}
    answer = call("ssm", "AmazonSSM.GetParameters", asked, region_of(flags))
    members = [ordered(parameter, PARAMETER) for parameter in answer["Parameters"]]
    printed({"Parameters": members, "InvalidParameters": answer["InvalidParameters"]})


def secret(words: "list[str]") -> None:
    flags, _ = parsed(words)
    if "--secret-id" not in flags:
        raise Failed("aws: error: the following arguments are required: --secret-id", 252)
    names = {"--secret-id": "SecretId", "--version-id": "VersionId", "--version-stage": "VersionStage"}
    asked: dict[str, object] = {names[flag]: text for flag, text in flags.items() if flag in names}
    printed(ordered(call("secretsmanager", "secretsmanager.GetSecretValue", asked, region_of(flags)), SECRET))


def run(words: "list[str]") -> None:
    while words and words[0].startswith("--"):  # global flags
        words = words[1 if "=" in words[0] or words[0].startswith("--no-") else 2 :]
    match words:
        case ["s3", "cp", *rest]:
            copy(rest)
        case ["s3", "ls", *rest]:
            listed(rest)
        case ["s3api", ("head-object" | "get-object") as operation, *rest]:
            api(operation, rest)
        case ["ssm", "get-parameters", *rest]:
            parameters(rest)
        case ["secretsmanager", "get-secret-value", *rest]:
            secret(rest)
        case _:
            known = "s3 cp, s3api head- and get-object, ssm get-parameters and secretsmanager get-secret-value"
            raise Failed(f"aws: the sandbox's stand-in knows {known}, not: {' '.join(words[:2])}", 252)


def main() -> int:
    try:
        run(sys.argv[1:])
    except Failed as problem:
        print(f"\n{problem}", file=sys.stderr)
        return problem.code
    except OSError as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
