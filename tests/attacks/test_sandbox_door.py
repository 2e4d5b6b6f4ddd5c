"""Somebody on the developer's machine, or a web page in their browser, wants to run a shell through the sandbox."""

from __future__ import annotations

import ast
import http.client
import itertools
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tagship.sandbox import lifecycle
from tagship.sandbox.door.keys import Keys
from tagship.sandbox.play import report
from tagship.sandbox.state import Running
from tests.sandbox.conftest import client, repository, start, until
from tests.sandbox.signing import chunked

TOP = Path(__file__).parents[2]
BUCKET = "/tiny-artifacts"  # a path that AWS's stand-in has an answer to
RUN = json.dumps({"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}, "InstanceIds": ["{host}"]})
SEND = {"X-Amz-Target": "AmazonSSM.SendCommand", "Content-Type": "application/x-amz-json-1.1"}


def ask(
    running: Running, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", method: str = "GET"
) -> tuple[int, str]:
    """The status of one request with just these headers, and what the answer says."""
    answer = answered(running, path, headers or {}, body, method)
    return answer.status, answer.read().decode()


def answered(
    running: Running, path: str, headers: Mapping[str, str], body: bytes = b"", method: str = "GET"
) -> http.client.HTTPResponse:
    address = urlsplit(running.aws_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.putrequest(method, path, skip_host="host" in map(str.lower, headers), skip_accept_encoding=True)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection.getresponse()


def command(running: Running) -> bytes:
    """The order that runs a shell as the developer."""
    return RUN.replace("{host}", running.hosts[0].id).encode()


def signed(
    running: Running, service: str, headers: Mapping[str, str], body: bytes, *, path: str = "/", method: str = "POST"
) -> dict[str, str]:
    """A request's headers, as botocore signs it by the running sandbox's keys."""
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    request = AWSRequest(method, f"{running.aws_url}{path}", dict(headers), body)
    kind(Credentials(running.keys.access, running.keys.secret), service, "us-east-1").add_auth(request)
    return {"Host": urlsplit(running.aws_url).netloc, **request.headers}


# -- a web page --------------------------------------------------------------------------------------------------------


def test_a_page_that_asks_by_script_is_refused(sandbox: Running) -> None:
    token = {"Authorization": f"token {sandbox.keys.token}"}  # even one that knows it
    for path in (BUCKET, f"/github/{sandbox.keys.page}/repos/sandbox/tiny", "/sandbox/faults", "/moto-api/data.json"):
        for origin in ("https://evil.example", "null", sandbox.aws_url):
            answer = ask(sandbox, path, {**token, "Origin": origin})
            assert answer == (403, "The sandbox answers no web page.\n")
    preflight = {"Origin": "null", "Access-Control-Request-Method": "POST"}
    assert ask(sandbox, "/", preflight, method="OPTIONS")[0] == 403


def test_a_page_whose_name_resolves_to_loopback_is_refused(sandbox: Running) -> None:
    port = urlsplit(sandbox.aws_url).port
    token = {"Authorization": f"token {sandbox.keys.token}"}
    for host in (f"rebound.example:{port}", "127.0.0.1", f"localhost:{port}", f"127.0.0.1:{port}.evil.example", ""):
        answer = ask(sandbox, "/sandbox/faults", {**token, "Host": host})
        assert answer == (403, f"The sandbox answers as 127.0.0.1:{port} alone.\n")
    whole = f"http://rebound.example:{port}/sandbox/faults"  # which wins over the header
    assert ask(sandbox, whole, {**token, "Host": f"127.0.0.1:{port}"})[0] == 403


def test_no_answer_may_be_read_by_a_page(sandbox: Running) -> None:
    headers = signed(sandbox, "s3", {}, b"", path=BUCKET, method="GET")
    for path, given in ((BUCKET, headers), ("/sandbox/faults", {"Authorization": f"token {sandbox.keys.token}"})):
        answer = answered(sandbox, path, given)
        assert answer.status == 200
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


# -- a local user, at AWS's stand-in -----------------------------------------------------------------------------------


def test_an_order_that_nobody_signed_is_refused(sandbox: Running) -> None:
    before = len(client(sandbox, "ssm").list_commands()["Commands"])
    assert ask(sandbox, "/", SEND, command(sandbox), "POST")[0] == 403
    for path, method in ((BUCKET, "GET"), ("/moto-api/reset", "POST"), ("/moto-api/data.json", "GET")):
        status, text = ask(sandbox, path, method=method)
        assert (status, "AccessDenied" in text) == (403, True)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "MissingAuthenticationToken" in ask(sandbox, "/", form, b"Action=ListUsers&Version=2010-05-08", "POST")[1]
    assert len(client(sandbox, "ssm").list_commands()["Commands"]) == before
    assert client(sandbox, "s3").list_buckets()["Buckets"]


def test_a_guessed_key_is_refused(sandbox: Running) -> None:
    for access, secret in (("sandbox", "sandbox"), ("AKIAIOSFODNN7EXAMPLE", ""), (sandbox.keys.access, "sandbox")):
        guessing = replace(sandbox, keys=replace(sandbox.keys, access=access, secret=secret))
        status, text = ask(sandbox, "/", signed(guessing, "ssm", SEND, command(sandbox)), command(sandbox), "POST")
        assert status == 403
        assert json.loads(text)["__type"] in {"UnrecognizedClientException", "InvalidSignatureException"}


def secrets_of(keys: Keys) -> set[str]:
    """Every secret of a run, those of its other accounts too."""
    return {keys.access, keys.secret, keys.token, keys.page, *itertools.chain(*keys.others.values())}


def test_each_start_has_a_key_of_its_own(tmp_path: Path) -> None:
    root = repository(tmp_path, {})
    try:
        before = start(root).keys
        lifecycle.down(root)
        after = start(root)
        stale = replace(after, keys=before)
        assert ask(after, "/", signed(stale, "ssm", SEND, command(after)), command(after), "POST")[0] == 403
        assert secrets_of(before).isdisjoint(secrets_of(after.keys))
    finally:
        lifecycle.down(root)


def test_a_request_that_was_changed_after_it_was_signed_is_refused(sandbox: Running) -> None:
    harmless, look = b"{}", {**SEND, "X-Amz-Target": "AmazonSSM.DescribeParameters"}
    headers = signed(sandbox, "ssm", look, harmless)
    assert ask(sandbox, "/", headers, harmless, "POST")[0] == 200
    assert "does not match" in ask(sandbox, "/", headers, command(sandbox), "POST")[1], "another body"
    assert "does not match" in ask(sandbox, "/", {**headers, **SEND}, harmless, "POST")[1], "another operation"
    stored = signed(sandbox, "s3", {}, b"x", path=f"{BUCKET}/a?tagging=", method="PUT")
    assert "not the one whose hash" in ask(sandbox, f"{BUCKET}/a?tagging=", stored, b"y", "PUT")[1]
    headers = signed(sandbox, "s3", {}, b"", path=f"{BUCKET}?list-type=2&prefix=a", method="GET")
    assert ask(sandbox, f"{BUCKET}?list-type=2&prefix=a", headers)[0] == 200
    for path, method in (
        (f"{BUCKET}?list-type=2&prefix=b", "GET"),
        ("/other?list-type=2&prefix=a", "GET"),
        (BUCKET, "GET"),
    ):
        assert "does not match" in ask(sandbox, path, headers, method=method)[1], (path, method)
    assert "does not match" in ask(sandbox, f"{BUCKET}?list-type=2&prefix=a", headers, method="DELETE")[1]
    more = {**headers, "X-Amz-Target": "AmazonSSM.SendCommand"}
    assert "have to be signed" in ask(sandbox, f"{BUCKET}?list-type=2&prefix=a", more)[1]


def test_what_was_signed_long_ago_or_ahead_is_refused(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes, status in ((-14, 200), (-16, 403), (16, 403), (14, 200)):
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda at=at: at)
        headers = signed(sandbox, "s3", {}, b"", path=BUCKET, method="GET")
        answer = ask(sandbox, BUCKET, headers)
        assert (answer[0], "RequestTimeTooSkewed" in answer[1]) == (status, status == 403), minutes


@pytest.fixture
def address(sandbox: Running) -> str:
    """An address that was made for somebody, to read one object by."""
    s3 = client(sandbox, "s3", Config(signature_version="s3v4"))
    s3.put_object(Bucket=BUCKET[1:], Key="lent", Body=b"mine")
    made: str = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET[1:], "Key": "lent"}, ExpiresIn=60)
    return made.removeprefix(sandbox.aws_url)


def test_an_address_that_was_lent_opens_nothing_else(sandbox: Running, address: str) -> None:
    assert ask(sandbox, address) == (200, "mine")
    assert ask(sandbox, address.replace("lent", "other"))[0] == 403
    assert ask(sandbox, address.replace("Expires=60", "Expires=6000"))[0] == 403
    assert ask(sandbox, address, body=b"x", method="PUT")[0] == 403
    assert ask(sandbox, address, SEND, command(sandbox))[0] == 403, "as an order to SSM"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    role = b"Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::123456789012:role/x&RoleSessionName=run"
    assert ask(sandbox, address, form, role) == (200, "mine"), "it stays S3's"


def test_an_address_that_was_lent_ends(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime.now(UTC) - timedelta(seconds=61)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: at)
    s3 = client(sandbox, "s3", Config(signature_version="s3v4"))
    late = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET[1:]}, ExpiresIn=60)
    assert ask(sandbox, late.removeprefix(sandbox.aws_url))[0] == 403
    lasting = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET[1:]}, ExpiresIn=90)
    assert ask(sandbox, lasting.removeprefix(sandbox.aws_url))[0] == 200


def test_an_upload_in_chunks_cannot_be_changed(sandbox: Running) -> None:
    for trailer in ({}, {"x-amz-checksum-crc32": "AAAAAA=="}):
        headers, [first, second, empty, last] = chunked(sandbox, f"{BUCKET}/chunks", [b"a" * 9, b"b" * 9], trailer)
        changed = [
            [first, second.replace(b"b", b"c"), empty, last],
            [second, first, empty, last],
            [first, empty, last],
            [first, second, last],
            *([[first, second, empty, last.replace(b"AAAAAA", b"BAAAAA")]] if trailer else ()),
        ]
        for parts in changed:
            status, text = ask(sandbox, f"{BUCKET}/chunks", headers, b"".join(parts), "PUT")
            assert (status, "SignatureDoesNotMatch" in text) == (403, True)
        assert ask(sandbox, f"{BUCKET}/chunks", headers, b"".join([first, second, empty, last]), "PUT") == (200, "")


# -- a local user, elsewhere -------------------------------------------------------------------------------------------


def test_the_switches_are_refused_to_who_has_no_token(sandbox: Running) -> None:
    for given in ({}, {"Authorization": "token sandbox"}, {"Authorization": "Bearer"}, {"Authorization": "token "}):
        for path in ("/sandbox/faults", f"/sandbox/hosts/{sandbox.hosts[0].id}/offline", "/sandbox/simulated"):
            assert ask(sandbox, path, given, b"{}", "POST")[0] == 401


def test_a_run_is_not_started_again_by_who_has_no_token(sandbox: Running) -> None:
    own = f"/github/{sandbox.keys.page}/repos/sandbox/tiny"
    for path, method in (("", "GET"), ("/actions/runs", "GET"), ("/actions/runs/1/rerun", "POST")):
        for given in ({}, {"Authorization": "token sandbox"}):
            assert ask(sandbox, own + path, given, method=method) == (
                401,
                '{"message": "Bad credentials", "status": "401"}',
            )


def test_a_log_is_not_read_by_who_does_not_know_its_address(sandbox: Running) -> None:
    for guess in ("", "sandbox/", "x/"):
        assert ask(sandbox, f"/github/{guess}sandbox/tiny/actions")[0] == 401
    assert ask(sandbox, f"/github/{sandbox.keys.page}/sandbox/tiny/actions")[0] == 200


def test_nobody_else_reads_what_belongs_to_a_sandbox(sandbox: Running) -> None:
    assert stat.S_IMODE(sandbox.folder.stat().st_mode) == 0o700, "disks, logs, runs"
    assert stat.S_IMODE((sandbox.folder / "sandbox.json").stat().st_mode) == 0o600
    (sandbox.folder / "sandbox.json").unlink()  # the daemon writes it again
    until((sandbox.folder / "sandbox.json").exists)
    assert stat.S_IMODE((sandbox.folder / "sandbox.json").stat().st_mode) == 0o600


def test_the_keys_are_nowhere_that_others_look(sandbox: Running, capfd: pytest.CaptureFixture[str]) -> None:
    secrets = {sandbox.keys.secret, sandbox.keys.token}
    outcome = report.perform(report.Request("status"), sandbox.folder.parents[1])
    shown = f"{outcome} {sandbox} {sandbox.keys} {(sandbox.folder / 'log').read_text()}"
    assert not [secret for secret in secrets if secret in shown]
    assert not [line for line in _command_lines() for secret in secrets if secret in line]


def _command_lines() -> Iterator[str]:
    """What `ps` tells everybody."""
    ps = shutil.which("ps")
    assert ps
    with os.popen(f"{ps} -Ao args") as lines:
        yield from lines


# -- the network -------------------------------------------------------------------------------------------------------

BINDING = {
    "bind": 0,
    "make_server": 0,
    "start_server": 1,
    "create_server": 1,
    "ThreadingHTTPServer": 0,
    "HTTPServer": 0,
}


def test_nothing_of_the_package_listens_beyond_loopback() -> None:
    """Every call that binds a socket names 127.0.0.1; the daemon's own port is tried in tests/sandbox.

    The example of a service takes HOST from its variables, since a container's port is published by Docker.
    """
    calls = [(path, call, BINDING[name]) for path in _sources() for call, name in _calls(path) if name in BINDING]
    assert len(calls) >= 3
    for path, call, at in calls:
        place, by_default = ast.unparse(call.args[at]), 'os.environ.get("HOST", "127.0.0.1")' in path.read_text("utf-8")
        assert "'127.0.0.1'" in place or (place in {"(HOST, PORT)", "address"} and by_default), f"{path}:{call.lineno}"


def _sources() -> list[Path]:
    return [path for folder in ("tagship", "examples") for path in (TOP / folder).rglob("*.py")]


def _calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            yield node, getattr(node.func, "attr", getattr(node.func, "id", ""))
