"""What a test has the sandbox's Lambda do wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Faults:
    """What a test asks for; `update` and `snapshot` are in seconds."""

    update: float = 0.3
    snapshot: float = 1.0
    throttled: int = 0
    lost: int = 0
    failed_updates: int = 0
    failed_snapshots: int = 0
    simulated: bool = False
    failed_provisionings: int = 0

    def strikes(self, name: str) -> bool:
        """Use up one of a planned number."""
        left = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return bool(left)
