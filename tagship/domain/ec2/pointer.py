"""The pointer of an environment: which artifact a host that boots has to run. The last healthy deployment writes it.

Canonical JSON, as a manifest is: deploy/user_data.sh reads it line by line. `fence` is the fencing number of the
deployment that wrote it, so that a host which has heard of a later one since is not set back by it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Pointer:
    app: str
    environment: str
    artifact: str
    manifest_sha256: str
    deployment: str
    fence: int
    numbers: str = ""  # operational ones, for the host that boots; an older tagship's pointer has none
    tagship: int = 1

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self | None:
        """Read the pointer; None if the bytes are not one."""
        # A deployment then writes over them.
        try:
            value: dict[str, Any] = json.loads(raw)
            pointer = cls(**{**value, "fence": int(value["fence"])})
        except (ValueError, TypeError, KeyError):
            return None
        return pointer

    def gives_way_to(self, other: Pointer) -> bool:
        """Tell whether `other` may replace it."""
        # A deployment with a lower number was overtaken.
        return other.fence >= self.fence
