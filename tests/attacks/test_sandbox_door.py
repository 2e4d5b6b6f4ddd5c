"""Somebody on the developer's machine, or a web page in their browser, wants to run a shell through the sandbox."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from tests.sandbox.conftest import Running

BUCKET = "/tiny-artifacts"  # a path that AWS's stand-in has an answer to


def ask(running: Running, path: str, *, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """One request with just these headers, and the body unread."""
    address = urlsplit(running.aws_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    return connection.getresponse()


def test_a_page_that_asks_by_script_is_refused(sandbox: Running) -> None:
    for path in (BUCKET, "/github/repos/sandbox/tiny", "/sandbox/faults", "/moto-api/data.json"):
        for origin in ("https://evil.example", "null", sandbox.aws_url):
            answer = ask(sandbox, path, Origin=origin)
            assert (answer.status, answer.read()) == (403, b"The sandbox answers no web page.\n")
    preflight = ask(sandbox, "/", method="OPTIONS", Origin="null", Access_Control_Request_Method="POST")
    assert preflight.status == 403


def test_a_page_whose_name_resolves_to_loopback_is_refused(sandbox: Running) -> None:
    port = urlsplit(sandbox.aws_url).port
    for host in (f"rebound.example:{port}", "127.0.0.1", f"localhost:{port}", f"127.0.0.1:{port}.evil.example", ""):
        answer = ask(sandbox, BUCKET, Host=host)
        assert (answer.status, answer.read()) == (403, f"The sandbox answers as 127.0.0.1:{port} alone.\n".encode())


def test_no_answer_may_be_read_by_a_page(sandbox: Running) -> None:
    for path in (BUCKET, "/github/repos/sandbox/tiny", "/sandbox/faults"):
        answer = ask(sandbox, path)
        assert answer.status < 500
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
