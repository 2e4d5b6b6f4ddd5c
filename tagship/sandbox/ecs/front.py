"""What stands for a service's load balancer: an address on this machine that a healthy task answers on.

Tasks take turns; while traffic shifts, revisions get their weights. Does not model: listeners, rules, TLS, sticky
sessions, connections that drain.
"""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tagship.sandbox import web
from tagship.sandbox.web import Environ, StartResponse

DROPPED = {"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"}
TIMEOUT = 10.0  # seconds


@dataclass
class Front:
    """Answers for a service; `port_of` chooses a task's port by a turn."""

    port_of: Callable[[int], int]  # 0 if no task is healthy
    lock: AbstractContextManager[Any]
    _turns: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        with self.lock:
            port = self.port_of(next(self._turns))
        if not port:
            return web.text(start_response, "503 Service Temporarily Unavailable", "no healthy task\n")
        try:
            return _passed_on(environ, start_response, port)
        except OSError:
            return web.text(start_response, "502 Bad Gateway", "the task closed the connection\n")


def _passed_on(environ: Environ, start_response: StartResponse, port: int) -> list[bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    headers = {"Host": environ.get("HTTP_HOST", "127.0.0.1"), "Accept": environ.get("HTTP_ACCEPT", "*/*")}
    connection.request(
        environ["REQUEST_METHOD"], environ["PATH_INFO"] + query, environ["wsgi.input"].read() or None, headers
    )
    answer = connection.getresponse()
    kept_headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in DROPPED]
    body = answer.read()
    connection.close()
    start_response(f"{answer.status} {answer.reason}", kept_headers)
    return [body]


def listen(front: Front, port: int = 0) -> str:
    """Serve a front in a thread; return its address. Raises OSError."""
    server = web.server(front, port)
    threading.Thread(target=server.serve_forever, name="front", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
