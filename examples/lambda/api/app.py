"""A function behind a function URL or an API: it greets, says which build it is, and can be broken."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CONFIG = json.loads((Path(__file__).parent / "service.json").read_text("utf-8"))


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer as a function URL wants it."""
    path = event.get("rawPath") or event.get("path") or "/"
    if path == "/healthz":
        return _answer(500 if CONFIG["fault"] == "error" else 200, {"version": os.environ["VERSION"]})
    if path == "/version":
        return _answer(200, {"version": os.environ["BUILT_VERSION"], "commit_sha": os.environ["BUILT_COMMIT"]})
    return _answer(200, {"greeting": CONFIG["greeting"], "version": os.environ["VERSION"]})


def _answer(status: int, body: dict[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
