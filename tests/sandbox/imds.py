"""The instance metadata service, version 2 as the EC2 user guide has it, on a port of this machine: no answer without
a token, no token without its time to live."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"


@dataclass
class Imds:
    """What an instance is told of itself; `asked` are the paths that were, `refused` how often a token was missing."""

    tags: dict[str, str] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    tokens: set[str] = field(default_factory=set)

    @property
    def answers(self) -> Mapping[str, str]:
        return {
            "/latest/meta-data/instance-id": "i-0123456789abcdef0",
            "/latest/meta-data/placement/region": "us-east-1",
            **{f"/latest/meta-data/tags/instance/{name}": value for name, value in self.tags.items()},
        }


@contextmanager
def serving(tags: Mapping[str, str] | None = None, address: str = "127.0.0.1") -> Iterator[Imds]:
    """A metadata service for the block, on an address of this machine."""
    imds = Imds(dict(tags or {}))

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            ttl = self.headers.get(TTL, "")
            if self.path != "/latest/api/token" or not ttl.isdigit() or not 1 <= int(ttl) <= 21_600:
                return self._answer(400)
            token = secrets.token_urlsafe(32)
            imds.tokens.add(token)
            return self._answer(200, token)

        def do_GET(self) -> None:
            imds.asked.append(self.path)
            if self.headers.get(TOKEN) not in imds.tokens:
                imds.refused += 1
                return self._answer(401)
            if self.path not in imds.answers:
                return self._answer(404)
            return self._answer(200, imds.answers[self.path])

        def _answer(self, status: int, text: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((address, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    imds.url = f"http://{address}:{server.server_port}"
    try:
        yield imds
    finally:
        server.shutdown()
        server.server_close()
