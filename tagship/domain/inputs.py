"""What an image is made of, as one digest: the same inputs need no new image. No I/O.

What an image knows of itself (labels, BUILD_TIME and the like) does not count; docs/adr/0041-unchanged-images.md has
the reasons. https://docs.docker.com/reference/dockerfile/,
https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

NAMING = ("VERSION", "COMMIT_SHA")  # what health checks and people know a version by
_FROM = re.compile(r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?", re.M | re.I)
_TAKEN = re.compile(r"(?:--from=|[,=]from=)([^\s,]+)", re.I)
_PINNED = re.compile(r"[^@$]+@sha256:[0-9a-f]{64}\Z")
_REMOTE = re.compile(r"^[ \t]*ADD[ \t].*(?:https?://|git@|\.git\b)", re.M | re.I)
_ONBUILD_OR_SECRET = re.compile(r"--mount=type=(?:secret|ssh)|--network=host", re.I)


@dataclass(frozen=True)
class Inputs:
    """What an image is made of.

    `digest` is sha256 in hex; empty if it can't be known, and `why` says so.
    """

    digest: str = ""
    why: str = ""


def why_never_the_same(dockerfile: str) -> str:
    """Say why the same files may make another image.

    Empty if they don't.

    A base that is no digest may have moved, a download may be another, and an image that declares VERSION says which
    version it is.
    """
    text = re.sub(r"^[ \t]*#.*\n", "", dockerfile, flags=re.M)
    for name in NAMING:
        if re.search(rf"^[ \t]*ARG[ \t]+(?:[^\n]*[ \t])?{name}\b", text, re.M | re.I):
            return f"its Dockerfile declares {name}, which is another for each version"
    if moving := next(_unpinned(text), ""):
        return f"it is built on {moving}, which may have moved: name it by its digest"
    if _REMOTE.search(text):
        return "its Dockerfile adds what it downloads"
    if _ONBUILD_OR_SECRET.search(text):
        return "its Dockerfile takes secrets, or the machine's network"
    return ""


def _unpinned(text: str) -> Iterator[str]:
    """Yield images that a Dockerfile takes and that no digest pins."""
    stages: set[str] = {"scratch"}
    for number, match in enumerate(_FROM.finditer(text)):
        if match[1].lower() not in stages and not _PINNED.match(match[1]):
            yield match[1]
        stages |= {str(number), (match[2] or str(number)).lower()}
    for match in _TAKEN.finditer(text):
        if match[1].lower() not in stages and not _PINNED.match(match[1]):
            yield match[1]


def digest_of(files: Mapping[str, str], **recipe: object) -> str:
    """Digest files by path, and how an image is built."""
    value = {"schema": 1, "files": dict(files), **recipe}
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Ignored:
    """The patterns of a .dockerignore; none of one that is not plain.

    A file counts if in doubt: then an image is built that need not be.
    """

    patterns: tuple[re.Pattern[str], ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, text: str) -> Ignored:
        lines = [line.strip() for line in text.splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        if any(re.search(r"[!\[\]\\]|\.\.", pattern) for pattern in patterns):
            return cls()
        return cls(tuple(re.compile(_expression(pattern)) for pattern in patterns))

    def has(self, path: str) -> bool:
        """Tell whether a path, or a folder above it, is left out."""
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return any(pattern.fullmatch(name) for pattern in self.patterns for name in above)


def _expression(pattern: str) -> str:
    """Write a pattern as a regular expression."""
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    words = ["(?:[^/]+/)*" if name == "**" else _name(name) + "/" for name in names]
    whole = "".join(words)
    return f"{whole}.+" if names and names[-1] == "**" else whole.removesuffix("/")


def _name(name: str) -> str:
    # Within a name, ** is what Docker takes for any characters, slashes too.
    parts = re.split(r"(\*\*|\*|\?)", name)
    return "".join({"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in parts)
