"""The instance metadata service of every host that boots by itself, on a port of loopback: version 2 alone.

Follows https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html: no answer without a token,
no token without its time to live. An address ends in the instance's id. Does not model: tags of the instance, which are
off by default, and credentials, which are in the host's variables.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105 (a header's name)
LONGEST = 21_600  # seconds that a token may live


@dataclass
class Metadata:
    """What instances are told of themselves: by their ids, path -> answer."""

    answers: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def address(self, instance: str, region: str) -> str:
        """Return where an instance asks; start to answer."""
        if not self.url:
            server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"metadata": self}))
            threading.Thread(target=server.serve_forever, name="metadata", daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
        top = f"/{instance}/latest/meta-data"
        self.answers |= {f"{top}/instance-id": instance, f"{top}/placement/region": region}
        return f"{self.url}/{instance}"


class _Handler(BaseHTTPRequestHandler):
    metadata: Metadata

    def do_PUT(self) -> None:
        ttl = self.headers.get(TTL, "")
        if not self.path.endswith("/latest/api/token") or not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST:
            return self._answer(400)
        token = secrets.token_urlsafe(32)
        self.metadata.tokens.add(token)
        return self._answer(200, token)

    def do_GET(self) -> None:
        if self.headers.get(TOKEN) not in self.metadata.tokens:
            return self._answer(401)
        text = self.metadata.answers.get(self.path)
        return self._answer(404) if text is None else self._answer(200, text)

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *_arguments: object) -> None:
        """Say nothing."""
