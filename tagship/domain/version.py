"""Versions, channels and artifact ids: the only door through which a user's text becomes a name.

The grammar is semver 2.0.0's (https://semver.org), narrowed to what a Git tag, an image tag, an S3 key and a host path
can all carry: `MAJOR.MINOR.PATCH` or `MAJOR.MINOR.PATCH-SUFFIX`, the suffix being one environment's channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import total_ordering
from typing import Self

import semver

from tagship.domain import commands
from tagship.errors import Refused, UsageError

MAX_LENGTH = 64
SUFFIX = re.compile(r"[a-z][a-z0-9]{0,30}\Z", re.ASCII)
UNTAGGED = re.compile(r"[0-9a-f]{8}-[0-9]{8}-[0-9]{6}\Z", re.ASCII)
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_NAME = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([a-z][a-z0-9]{{0,30}}))?\Z", re.ASCII)


@total_ordering
@dataclass(frozen=True)
class Version:
    """`MAJOR.MINOR.PATCH`, with a channel's suffix or (a final release) without one."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version. Raises UsageError with the reason if invalid."""
        reason = why_not_a_version(text)
        if reason:
            raise UsageError(
                f"{_shown(text)} is not a version: {reason}.",
                remedy=f"See how versions look: {commands.versions()}",
            )
        return cls._of(text)

    @classmethod
    def maybe(cls, text: str) -> Self | None:
        """Read a tag's name as a version; None for any other tag."""
        return cls._of(text) if _NAME.match(text) else None

    @classmethod
    def _of(cls, text: str) -> Self:
        parsed = semver.Version.parse(text)
        return cls(parsed.major, parsed.minor, parsed.patch, parsed.prerelease or "")

    @property
    def core(self) -> tuple[int, int, int]:
        return (self.major, self.minor, self.patch)

    def bump(self, part: str) -> Version:
        """Make the next version of the same channel."""
        # semver's own bump_* drop the suffix, or number it.
        major, minor, patch = self.core
        core = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}[part]
        return Version(*core, self.suffix)

    def __lt__(self, other: Version) -> bool:
        # A final release comes after every pre-release of the same numbers, as semver 2.0.0 section 11 has it.
        return (self.core, not self.suffix, self.suffix) < (other.core, not other.suffix, other.suffix)

    def __str__(self) -> str:
        numbers = f"{self.major}.{self.minor}.{self.patch}"
        return f"{numbers}-{self.suffix}" if self.suffix else numbers


def why_not_a_version(text: str) -> str:  # noqa: PLR0911 (a table of reasons, the first that holds)
    """Say why `text` is not a version; empty if it is."""
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"it has {len(text)} characters, and at most {MAX_LENGTH} are allowed"
    if not text.isascii():
        return "it has characters other than plain letters, digits, dots and one hyphen"
    if _NAME.match(text):
        return ""
    if text.startswith("v"):
        return 'a leading v is not allowed (if tags have it: prefix = "v" under [tags] in tagship.toml)'
    if "+" in text:
        return "it has build metadata (+…), which an image tag cannot hold"
    if re.search(r"[^0-9A-Za-z.\-]", text):
        return "it has characters other than letters, digits, dots and one hyphen"
    if re.match(r"(\d+\.)*0\d", text):
        return "a number starts with 0"
    if re.match(r"(\d+\.){0,2}\d{10}", text):
        return "a number has more than 9 digits"
    if not re.match(r"\d+\.\d+\.\d+(-|\Z)", text):
        return "it is not three numbers, MAJOR.MINOR.PATCH"
    return "its suffix is not one word of small letters and digits, as in 0.1.30-dev"


def _shown(text: str) -> str:
    """Escape untrusted text for one line of a terminal or a log."""
    escaped = text.encode("unicode_escape").decode("ascii")
    return f"“{escaped[:60]}…”" if len(escaped) > 60 else f"“{escaped}”"


def newest(versions: Iterable[Version], count: int) -> list[Version]:
    """Take the highest `count` versions, highest first: 0.1.10-dev comes before 0.1.9-dev."""
    return sorted(versions, reverse=True)[:count]


def candidates(latest: Version | None, suffix: str) -> dict[str, Version]:
    """List a channel's next versions by the part that each raises.

    The first is the suggestion. A version that could not be read back (ten digits) is left out. Raises Refused if none
    is left.
    """
    if latest is None:
        return {"first": Version(0, 1, 0, suffix)}
    raised = {part: latest.bump(part) for part in ("patch", "minor", "major")}
    readable = {part: version for part, version in raised.items() if Version.maybe(str(version))}
    if not readable:
        raise Refused(
            f"No version comes after {latest}: a number has at most 9 digits.",
            remedy=f"Delete its tag, here and on the remote: {commands.tag_undo(str(latest))}",
        )
    return readable


class ArtifactId(str):
    """A tagged build's version, or an untagged one's `<commit8>-<YYYYmmdd-HHMMSS>`.

    The time is in UTC. It is text in every record. `parse` is the door: what a person typed is checked there, and is
    this from then on.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an artifact id. Raises UsageError with the reason if invalid."""
        if UNTAGGED.match(text):
            return cls(text)
        return cls(str(Version.parse(text)))

    @classmethod
    def untagged(cls, commit: str, built: datetime) -> Self:
        return cls(f"{commit[:8]}-{built.astimezone(UTC):%Y%m%d-%H%M%S}")

    @property
    def version(self) -> Version | None:
        return Version.maybe(self)

    @property
    def built(self) -> datetime | None:
        """Return when an untagged build was made, from its id."""
        # None for a version or an impossible time.
        try:
            return None if self.version else datetime.strptime(f"{self[9:]}+0000", "%Y%m%d-%H%M%S%z")
        except ValueError:
            return None

    def image_tags(self, environment: str) -> tuple[str, ...]:
        """List an image's tags: its legal id, then its version."""
        # An untagged build's VERSION is its id.
        return tuple(dict.fromkeys([self.image_tag(environment), str(self)]))

    def image_tag(self, environment: str) -> str:
        """Make a legal image tag: no `/` and no `+` (`[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`)."""
        return str(self) if self.version else f"{environment}-{self}"


def is_older(artifact_id: str, than: str, built: str = "", than_built: str = "") -> bool:
    """Tell whether an artifact is known to come before `than`.

    Versions compare by order, others by build time. `built` and `than_built` are the manifests' build times (ISO 8601),
    needed if only one of the two is a version. If a time is unknown, the answer is no.
    """
    version, than_version = Version.maybe(artifact_id), Version.maybe(than)
    if version and than_version:
        return version < than_version
    first, second = _built(artifact_id, built), _built(than, than_built)
    return bool(first and second and first < second)


def nearest(artifact_id: str, among: Sequence[str], count: int) -> list[str]:
    """Take the neighbours of an artifact id from a descending list."""
    target = Version.maybe(artifact_id)
    above = [entry for entry in among if target and (version := Version.maybe(entry)) and target < version]
    start = max(0, min(len(above) - count // 2, len(among) - count))
    return list(among[start : start + count])


def _built(artifact_id: str, noted: str) -> datetime | None:
    if UNTAGGED.match(artifact_id):
        return ArtifactId(artifact_id).built
    try:
        return datetime.fromisoformat(noted).astimezone(UTC)
    except ValueError:
        return None
