"""The HTTP server: one port on loopback, a thread a connection, connections kept open.

Werkzeug's own handler closes every connection and waits 10 ms for stray input before it does. A deployment makes some
hundred small requests, so this one reads each request whole, answers it whole, and keeps the connection.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


DROPPED = "X-Sandbox-Dropped"  # a header of an answer that is not to be sent: the connection closes instead


class KeepAlive(MotoRequestHandler):
    """HTTP/1.1 with persistent connections."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # head and body leave in one packet

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        status, headers, body = self._answer(environ)
        if any(name.lower() == DROPPED.lower() for name, _ in headers):
            self.close_connection = True
            return
        code, reason = status.split(" ", 1)
        self.send_response(int(code), reason)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and environ["REQUEST_METHOD"] == "HEAD":
                length = value  # the object's, though none of it is sent
            elif name.lower() not in {"connection", "content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(b"" if environ["REQUEST_METHOD"] == "HEAD" else body)
        self.wfile.flush()

    def _body(self, environ: Environ) -> bytes:
        if environ.get("wsgi.input_terminated"):
            chunks: bytes = environ["wsgi.input"].read()
            return chunks
        return self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))

    def _answer(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], None]:
            started.append((status, list(headers)))
            return started.append  # the old way of writing a body, which nothing here uses

        try:
            answer = self.server.app(environ, start_response)
            body = b"".join(answer)
            close = getattr(answer, "close", None)
            if close:
                close()
        except NotImplementedError as reason:  # moto raises it for a call that it lacks
            return (  # 501, because botocore repeats a 500
                "501 Not Implemented",
                [("Content-Type", "application/json")],
                _refusal(f"the sandbox has no {reason}"),
            )
        except Exception as defect:
            self.log_error("%s %s: %r", self.command, self.path, defect)
            return "500 Internal Server Error", [("Content-Type", "application/json")], _refusal(repr(defect))
        status, headers = started[-1]
        return status, headers, body

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request: the log has errors, and what was executed."""


def _refusal(message: str) -> bytes:
    return json.dumps({"__type": "NotSimulated", "message": message}).encode()


def server(app: WsgiApp, port: int = 0) -> BaseWSGIServer:
    """Make a server on a port of 127.0.0.1, not yet serving."""
    # 0 is any free port.
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=KeepAlive)


def answer(
    start_response: StartResponse, status: str, value: object, headers: Mapping[str, str] | None = None
) -> list[bytes]:
    """Answer with JSON."""
    start_response(status, [("Content-Type", "application/json; charset=utf-8"), *(headers or {}).items()])
    return [json.dumps(value).encode()]


def text(start_response: StartResponse, status: str, value: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [value.encode()]
