"""What `build` leaves of an image: a file, and how it is known before any registry has it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self

from tagship.domain import commands
from tagship.domain.text import either
from tagship.errors import NotAuthentic

_FROM = re.compile(r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?[ \t]*$", re.M | re.I)
_PINNED = re.compile(r"\A[^@$]+@sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built, and is in no registry yet.

    `id` is the engine's name of its content; `sha256` (hex) is that of the file beside it; `build_time` ISO 8601, UTC.
    """

    repository: str
    tag: str
    id: str
    sha256: str
    commit: str
    build_time: str
    base: str = ""  # repository:tag@sha256:… of the image that it is built on, if the Dockerfile pins that
    inputs: str = ""  # what it is made of: domain/inputs; empty if the same may make another image
    changed: str = ""  # why the inputs are not known

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def skipped(self) -> bool:
        """Tell whether it was not built, as the same exists."""
        return not self.id

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str, again: str) -> Self:
        """Read it. Raises NotAuthentic, which says how to build it `again`."""
        try:
            return cls(**json.loads(raw))
        except (ValueError, TypeError) as reason:
            raise NotAuthentic(f"{where} is not the record of an image.", remedy=f"Build it: {again}") from reason


SEVERITIES = ("informational", "low", "medium", "high", "critical")


@dataclass(frozen=True)
class Scan:
    """What a registry's scan of an image says.

    `state` is done, waiting, or failed and why. `findings` are counts by severity, as the registry names it.
    """

    state: str
    findings: Mapping[str, int] = field(default_factory=dict)

    def from_on(self, severity: str) -> str:
        """Count the findings of that severity and above, in words."""
        counted = {name.lower(): count for name, count in self.findings.items() if count}
        above = [name for name in reversed(SEVERITIES[SEVERITIES.index(severity) :]) if name in counted]
        return ", ".join(f"{counted[name]} {name}" for name in above)


@dataclass(frozen=True)
class ImageStatus:
    """What a registry says of an image: there, missing, archived or activating.

    `scan` is None if none was asked for, or there is none. `restore` is the command that brings it back.
    """

    state: str
    scan: Scan | None = None
    restore: str = ""

    @property
    def why_not_pullable(self) -> str:
        """Say why nobody can pull it; empty if it can be pulled."""
        return {
            "missing": "the registry no longer has it",
            "archived": f"it is archived, and must be restored first: {self.restore}",
            "activating": "it is being restored from the archive, which takes some minutes",
        }.get(self.state, "")

    def ways_on(self, environment: str) -> str:
        """Say what to do about an image that nobody can pull."""
        again = "some minutes later, run the same command again"
        return either(
            f"Restore it: {self.restore}" if self.restore else "",
            {"archived": f"Then, {again}", "activating": again.capitalize()}.get(self.state, ""),
            f"Choose another version: {commands.history(environment)}",
            f"Or ship the next one: {commands.deploy_dev()}",
        )


def rebuilt_for(platform: str) -> str:
    """Say how the next version's image is built for a platform."""
    return either(
        f'Build it for that: platform = "{platform}" in the image\'s table of tagship.toml',
        f"Then ship the next version: {commands.deploy_dev()}",
    )


@dataclass(frozen=True)
class Recipe:
    """How an image is built, beside its Dockerfile and context.

    `target` is a stage, `platform` like linux/arm64, caches as buildx writes them; `smoke` is a command that is run in
    a container of what was built. `says` begins each line that the builder says, if several build at once.
    """

    target: str = ""
    platform: str = ""
    cache_from: Sequence[str] = ()
    cache_to: Sequence[str] = ()
    smoke: Sequence[str] = ()
    says: str = ""


def base_of(dockerfile: str) -> str:
    """Name the image that a Dockerfile's last stage is built on.

    Empty unless it is pinned by digest: a tag says nothing of what was taken.
    """
    stages: dict[str, str] = {}
    last = ""
    for match in _FROM.finditer(dockerfile):
        last = stages.get(match[1].lower(), match[1])
        if match[2]:
            stages[match[2].lower()] = last
    return last if _PINNED.search(last) else ""


_ECR_HOST = re.compile(r"([0-9]{12}\.dkr\.ecr(?:-fips)?\.)[a-z0-9-]+(\.amazonaws\.com(?:\.cn)?/)", re.ASCII)


def in_region(repository: str, region: str) -> str:
    """Name the repository of ECR in another region; others have none."""
    return _ECR_HOST.sub(rf"\g<1>{region}\g<2>", repository)
