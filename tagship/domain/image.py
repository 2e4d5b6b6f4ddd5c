"""What `build` leaves of an image: a file, and how it is known before any registry has it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from tagship.errors import NotAuthentic


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
