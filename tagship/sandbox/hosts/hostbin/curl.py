"""A stand-in for curl on a host that has none: `curl [-q] [-s] [-S] [-m N] [-o F] [-w FORMAT] [--noproxy X] URL`.

One GET over plain HTTP. Exit codes are curl's: 2 usage, 3 a bad URL, 7 no connection, 18 cut short, 23 not written,
28 too late, 52 no answer, 56 broken off.
"""

import http.client
import os
import signal
import sys
from urllib.parse import urlsplit


class Failed(Exception):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def late(*_: object) -> None:
    raise Failed(28, "Operation timed out")


def parsed(words: "list[str]") -> "dict[str, str]":
    """Return flags by their short names, and the URL as `url`."""
    # `-sS` is `-s -S`.
    given: dict[str, str] = {}
    left = iter(words)
    for word in left:
        if word == "--noproxy":
            next(left, "")
        elif word in ("-m", "-o", "-w"):
            given[word] = next(left, "")
        elif word.startswith("-") and set(word[1:]) <= set("qsSf"):
            given.update((f"-{letter}", "") for letter in word[1:])
        elif word.startswith("-"):
            raise Failed(2, f"option {word}: is not one that the sandbox's stand-in knows")
        else:
            given["url"] = word
    if "url" not in given:
        raise Failed(2, "no URL specified")
    return given


def fetch(given: "dict[str, str]", seen: "list[int]") -> None:
    """Ask, and write the body."""
    # The status goes into `seen` as soon as it is known.
    url = urlsplit(given["url"] if "://" in given["url"] else f"http://{given['url']}")
    if url.scheme != "http" or not url.hostname:
        raise Failed(3, "URL rejected")
    connection = http.client.HTTPConnection(url.hostname, url.port or 80)
    try:
        connection.connect()
    except OSError as reason:
        raise Failed(7, f"Failed to connect to {url.hostname} port {url.port or 80}") from reason
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("GET", path, headers={"User-Agent": "curl/8", "Accept": "*/*"})
        answer = connection.getresponse()
    except http.client.RemoteDisconnected as reason:
        raise Failed(52, "Empty reply from server") from reason
    except (OSError, http.client.HTTPException) as reason:
        raise Failed(56, "Recv failure") from reason
    seen.append(answer.status)
    write(answer, given.get("-o", ""))


def write(answer: http.client.HTTPResponse, name: str) -> None:
    target = open(name, "wb") if name else sys.stdout.buffer  # noqa: SIM115  closed below, where it is ours
    try:
        while block := answer.read1(1 << 16):
            target.write(block)
        target.flush()
        if answer.length:
            raise Failed(18, f"transfer closed with {answer.length} bytes remaining to read")
    except http.client.IncompleteRead as reason:
        raise Failed(18, "transfer closed with outstanding read data remaining") from reason
    except ConnectionError as reason:
        raise Failed(56, "Recv failure") from reason
    except OSError as reason:
        raise Failed(23, "Failure writing output to destination") from reason
    finally:
        if name:
            target.close()


def main() -> int:
    given: dict[str, str] = {}
    seen: list[int] = []
    code = 0
    try:
        given = parsed(sys.argv[1:])
        if "-m" in given:
            signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, float(given["-m"]))
        fetch(given, seen)
    except Failed as problem:
        code = problem.code
        if "-s" not in given or "-S" in given:
            print(f"curl: ({code}) {problem}", file=sys.stderr)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if "-w" in given:
        sys.stdout.write(given["-w"].replace("%{http_code}", f"{sum(seen):03d}").replace("\\n", "\n"))
        sys.stdout.flush()
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a connection that hangs is not waited for
