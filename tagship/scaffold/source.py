"""Where a repository's tagship comes from: a package index, Git at a commit, or a wheel in the repository."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tagship import __version__
from tagship.errors import Refused, UsageError

INDEX = "index"
VENDOR = "vendor"
COMMIT = re.compile(r"git\+\S+@[0-9a-f]{40}")
HASH = re.compile(r"sha256:[0-9a-f]{64}")
CHOICES = "a wheel's path, git+https://…@<commit>, or index"


@dataclass(frozen=True)
class Supply:
    """What pins tagship: a line with hashes, or one apart.

    pip takes no hash for what comes from Git: the commit is the hash. `wheel` is its path in the repository, and its
    bytes.
    """

    line: str = ""
    apart: str = ""
    wheel: tuple[str, bytes] | None = None


def source_of(given: str, hashes: Sequence[str], root: Path) -> Supply:
    """Find where tagship comes from.

    `given` is empty for where this one was installed from.
    Raises UsageError for another form, Refused if this installation does not say.
    """
    text = given or _installed_from()
    if text == INDEX:
        return _of_index(hashes)
    if COMMIT.fullmatch(text):
        return Supply(apart=f"{text}\n")
    if text.endswith(".whl"):
        return _of_wheel(Path(text).expanduser(), root)
    raise UsageError(f"Invalid --source {text!r}: use {CHOICES}.", remedy="tagship init --source ./tagship.whl")


def _of_index(hashes: Sequence[str]) -> Supply:
    if not hashes or not all(HASH.fullmatch(text) for text in hashes):
        raise UsageError(
            "A version from an index is pinned by its hashes, and --hash names none (sha256:…).",
            remedy=f"See them: pip download --no-deps tagship=={__version__} && pip hash tagship-{__version__}*",
        )
    return Supply(_pinned(f"tagship=={__version__}", hashes))


def _of_wheel(path: Path, root: Path) -> Supply:
    try:
        content = path.read_bytes()
    except OSError as reason:
        raise Refused(
            f"The wheel {path} cannot be read: {reason.strerror}.", remedy="Name it: tagship init --source PATH"
        ) from reason
    inside = path.resolve().is_relative_to(root.resolve())
    place = path.resolve().relative_to(root.resolve()).as_posix() if inside else f"{VENDOR}/{path.name}"
    line = _pinned(f"./{place}", [f"sha256:{hashlib.sha256(content).hexdigest()}"])
    return Supply(line, wheel=(place, content))


def _pinned(requirement: str, hashes: Sequence[str]) -> str:
    return " \\\n".join([requirement, *(f"    --hash={text}" for text in hashes)]) + "\n"


def _installed_from() -> str:
    """Read where this installation came from, as pip recorded it (PEP 610)."""
    record: dict[str, Any] = json.loads(distribution("tagship").read_text("direct_url.json") or "{}")
    url = str(record.get("url", ""))
    commit = record.get("vcs_info", {}).get("commit_id", "")
    if commit:
        return f"git+{url}@{commit}"
    path = unquote(urlsplit(url).path)
    if path.endswith(".whl") and Path(path).is_file():
        return path
    if not record:
        return INDEX
    raise Refused(
        f"This tagship was installed from {url}, which others do not have.",
        remedy=f"Say where CI gets it ({CHOICES}): tagship init --source ./tagship-{__version__}-py3-none-any.whl",
    )
