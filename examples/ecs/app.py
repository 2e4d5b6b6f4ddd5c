"""A service for ECS: it greets, says which build it is, and can be broken. The standard library only.

It listens on $HOST:$PORT (127.0.0.1:8080). `GET /` greets, `GET /healthz` is for the load balancer and for tagship,
`GET /version` is what the image was built from. `python3 app.py check` asks /healthz: the image's HEALTHCHECK.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUILT = ("VERSION", "COMMIT_SHA", "BUILD_TIME", "BRANCH", "WORKFLOW_RUN_ID", "PR_NUMBER")
FAULTS = {"crash": "exits with code 3 before it listens", "error": "answers 500"}
CONFIG = json.loads((Path(__file__).parent / "service.json").read_text("utf-8"))
HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
VERSION = os.environ.get("VERSION", "unknown")


class Service(BaseHTTPRequestHandler):
    """Three pages."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(500 if CONFIG["fault"] == "error" else 200, {"version": VERSION})
        elif self.path == "/version":
            self.answer(200, {name.lower(): os.environ.get(name, "") for name in BUILT})
        elif self.path == "/":
            self.answer(200, {"greeting": CONFIG["greeting"], "version": VERSION})
        else:
            self.answer(404, {"error": "no such page"})

    def answer(self, status: int, body: dict[str, str]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def check() -> None:
    """Exit with 1 unless /healthz answers well."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=2).close()
    except OSError as problem:
        sys.exit(f"/healthz: {problem}")


def main() -> None:
    if CONFIG["fault"] == "crash":
        print("service.json: fault is crash", flush=True)
        sys.exit(3)
    server = ThreadingHTTPServer((HOST, PORT), Service)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{VERSION} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    print("stopped", flush=True)


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else main()
