"""What `build` leaves of an image: a file, and how it is known before any registry has it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Self

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

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}"

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str, again: str) -> Self:
        """Read it. Raises NotAuthentic, which says how to build it `again`."""
        try:
            return cls(**json.loads(raw))
        except (ValueError, TypeError) as reason:
            raise NotAuthentic(f"{where} is not the record of an image.", remedy=f"Build it: {again}") from reason


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
