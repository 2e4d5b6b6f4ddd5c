"""The health question over real HTTP: what each kind of answer becomes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from tagship.adapters.http import Http, SandboxHttp

ANSWERS: dict[str, tuple[int, bytes]] = {
    "/good": (200, b'{"status": "ok", "version": "0.1.30-dev"}'),
    "/deep": (200, b'{"build": {"version": "0.1.30-dev"}, "a.b": "1"}'),
    "/moved": (302, b'{"version": "0.1.30-dev"}'),
    "/bad": (500, b'{"version": "0.1.30-dev"}'),
    "/text": (200, b"ok"),
    "/list": (200, b"[1]"),
    "/bytes": (200, b"\xff\xfe\x00"),
    "/long": (200, b'{"version": "' + b"x" * 200_000 + b'"}'),
}


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["User-Agent"])
        if self.path == "/garbage":
            self.wfile.write(b"not http\r\n\r\n")
            return
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/good")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(url: str, key: str = "version") -> tuple[int, str]:
    sample = Http().ask(url, key, 2)
    return sample.status, sample.version


def test_the_version_is_read_from_the_answer(url: str) -> None:
    assert ask(url + "/good") == (200, "0.1.30-dev")
    assert ask(url + "/good", "status") == (200, "ok")
    assert Handler.asked[-1] == "tagship"


@pytest.mark.parametrize(
    ("key", "version"), [("build.version", "0.1.30-dev"), ("a.b", "1"), ("build", ""), ("x.y", "")]
)
def test_the_version_may_be_below_other_keys(url: str, key: str, version: str) -> None:
    assert ask(url + "/deep", key) == (200, version)


def test_a_port_that_takes_a_connection_is_good_and_one_that_does_not_says_why(url: str) -> None:
    assert Http().connect(url.removeprefix("http://"), 2).status == 200
    closed = Http().connect("127.0.0.1:1", 2)
    assert (closed.status, closed.problem) == (0, "127.0.0.1:1 takes no connection: Connection refused")


def test_a_sandbox_connects_to_this_machine_alone(url: str) -> None:
    assert SandboxHttp().connect(url.removeprefix("http://"), 2).status == 200
    assert "not on this machine" in SandboxHttp().connect("203.0.113.9:443", 2).problem


@pytest.mark.parametrize("path", ["/text", "/list", "/bytes", "/long"])
def test_an_answer_that_names_no_version_has_none(url: str, path: str) -> None:
    assert ask(url + path) == (200, "")


def test_an_error_is_a_status(url: str) -> None:
    assert ask(url + "/bad") == (500, "")


def test_a_redirect_is_a_status_and_is_not_followed(url: str) -> None:
    assert ask(url + "/moved") == (302, "")


def test_no_answer_is_a_sample_with_the_reason(url: str) -> None:
    nothing = Http().ask("http://127.0.0.1:9/healthz", "version", 1)
    assert (nothing.status, nothing.version) == (0, "")
    assert "did not answer" in nothing.problem
    assert Http().ask(url + "/garbage", "version", 1).status == 0
