"""GitHub's releases, as far as publishing one goes: drafts, assets with their digests. Nothing is kept on disk.

https://docs.github.com/rest/releases/releases and /rest/releases/assets
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Releases:
    """A repository's releases; `lost` uploads are cut off before they are whole."""

    url: str = ""
    releases: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0
    asked: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        path, query = urlsplit(target).path.removeprefix("/repos/ada/tagship"), parse_qs(urlsplit(target).query)
        self.asked.append(f"{method} {path}")
        if (method, path) == ("GET", "/releases"):
            return 200, self.releases
        if (method, path) == ("POST", "/releases"):
            return 201, self._made(json.loads(body))
        if method == "POST" and (match := re.fullmatch(r"/releases/(\d+)/assets", path)):
            return self._attached(self._release(match[1]), query["name"][0], body)
        if method == "DELETE" and (match := re.fullmatch(r"/releases/assets/(\d+)", path)):
            for release in self.releases:
                release["assets"] = [asset for asset in release["assets"] if asset["id"] != int(match[1])]
            return 204, None
        if method == "PATCH" and (match := re.fullmatch(r"/releases/(\d+)", path)):
            self._release(match[1]).update(json.loads(body))
            return 200, self._release(match[1])
        return 404, {"message": "Not Found"}

    def _made(self, wanted: dict[str, Any]) -> dict[str, Any]:
        number = next(self.numbers)
        upload = f"{self.url}/repos/ada/tagship/releases/{number}/assets{{?name,label}}"
        page = f"https://github.com/ada/tagship/releases/tag/{wanted['tag_name']}"
        release = {"id": number, "assets": [], "upload_url": upload, "html_url": page, **wanted}
        self.releases.insert(0, release)
        return release

    def _attached(self, release: dict[str, Any], name: str, content: bytes) -> tuple[int, Any]:
        if any(asset["name"] == name for asset in release["assets"]):
            return 422, {"message": "Validation Failed"}
        whole = self.lost == 0
        self.lost -= not whole
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if whole else None
        release["assets"].append({"id": next(self.numbers), "name": name, "digest": digest})
        return (201, {}) if whole else (502, {"message": "Bad Gateway"})

    def _release(self, number: str) -> dict[str, Any]:
        return next(release for release in self.releases if release["id"] == int(number))


@contextmanager
def served() -> Iterator[Releases]:
    """Releases at a port of this machine."""
    releases = Releases()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, value = releases.answer(self.command, self.path, body)
            raw = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    releases.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield releases
    finally:
        server.shutdown()
        server.server_close()
