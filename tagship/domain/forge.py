"""What a remote's URL says of the forge behind it."""

from __future__ import annotations

import re

_URL = re.compile(
    r"(?:https?://(?:[^@/]+@)?|ssh://(?:[^@/]+@)?|[^@/:]+@)([A-Za-z0-9.-]+)(?::\d+)?[:/]([^/]+/[^/]+?)(?:\.git)?/?\Z"
)
_RUN = re.compile(r"/actions/runs/([0-9]+)(?![0-9])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+\Z")


def repository_of(text: str) -> tuple[str, str] | None:
    """Host and owner/name of a remote's URL, or of a plain owner/name (GitHub's own then); None for another remote."""
    if _NAME.match(text):
        return "github.com", text
    found = _URL.match(text)
    return (found[1].lower(), found[2]) if found and _NAME.match(found[2]) else None


def run_id(url: str) -> str:
    """The id in a CI run's address; empty where it is none."""
    found = _RUN.search(url)
    return found[1] if found else ""


def page(url: str) -> str:
    """Where a person can look at the runs that a push to this remote set off."""
    found = repository_of(url)
    return f"https://{found[0]}/{found[1]}/actions" if found else url
