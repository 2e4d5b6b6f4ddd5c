"""hello: the service that the demo and the tests ship. The standard library only.

It listens on $HOST:$PORT (127.0.0.1:8080). `GET /` greets and names its version; `GET /healthz` says what it is.
hello.json beside this file holds the greeting, and can break the service in each way that a health check must catch
(see `FAULTS`).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = {
    "crash": "exits with code 3 before it listens",
    "deaf": "runs, and never listens",
    "hang": "accepts connections, and never answers",
    "error": "answers 500",
    "impostor": "answers as another version",
    "slow": "listens only after `delay` seconds",
    "late-crash": "answers once, then exits",
    "fades": "answers twice, then 500",
}
CONFIG = json.loads((Path(__file__).parent / "hello.json").read_text("utf-8"))
FAULT = CONFIG.get("fault", "") if CONFIG.get("healthy", True) else CONFIG.get("fault", "error")
ANSWERED = itertools.count(1)
VERSION = os.environ.get("VERSION", "unknown")


class Hello(BaseHTTPRequestHandler):
    """Two pages: the greeting, and the health answer."""

    def do_GET(self) -> None:
        if FAULT == "hang":
            time.sleep(3600)
        if self.path == "/healthz":
            self.answer(*health())
        elif self.path == "/":
            self.answer(200, f"{CONFIG['greeting']} from {VERSION}\n")
        elif self.path.startswith("/sleep/"):  # a request in flight: answers after that many seconds
            time.sleep(min(float(self.path.removeprefix("/sleep/")), 30))
            self.answer(200, f"{VERSION}\n")
        else:
            self.answer(404, "no such page\n")

    def answer(self, status: int, body: str) -> None:
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body.startswith("{") else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
        if FAULT == "late-crash":
            os._exit(4)


def health() -> tuple[int, str]:
    """The status and the body of /healthz."""
    if FAULT == "error" or (FAULT == "fades" and next(ANSWERED) > 2):
        return 500, json.dumps({"status": "error", "version": VERSION, "reason": "hello.json says so"})
    version = "0.0.0-impostor" if FAULT == "impostor" else VERSION
    return 200, json.dumps({"status": "ok", "version": version, "commit": os.environ.get("COMMIT_SHA", "")})


class Server(ThreadingHTTPServer):
    daemon_threads = False  # a request in flight is answered before the process ends
    request_queue_size = 128


def main() -> None:
    if FAULT == "crash":
        sys.exit(3)
    if FAULT == "deaf":
        time.sleep(3600)
    if FAULT == "slow":
        time.sleep(float(CONFIG.get("delay", 5)))
    server = Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Hello)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"hello {VERSION} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    print("hello has stopped", flush=True)


if __name__ == "__main__":
    main()
