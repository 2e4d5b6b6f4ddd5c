"""A page for hosts that boot by themselves: it greets, and can be broken. The standard library only.

It listens on $HOST:$PORT (127.0.0.1:8080). `GET /` greets, `GET /healthz` names the version that runs.
"""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = json.loads((Path(__file__).parent / "page.json").read_text("utf-8"))
VERSION = os.environ.get("VERSION", "unknown")


class Page(BaseHTTPRequestHandler):
    """Two addresses."""

    def do_GET(self) -> None:
        healthy = PAGE["healthy"] or self.path != "/healthz"
        raw = json.dumps({"greeting": PAGE["greeting"], "version": VERSION}).encode()
        self.send_response(200 if healthy else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


if __name__ == "__main__":
    address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    ThreadingHTTPServer(address, Page).serve_forever()
