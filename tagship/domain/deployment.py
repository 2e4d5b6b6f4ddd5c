"""A deployment is one attempt to make an environment run an artifact. Its record only grows.

    requested → started → healthy
                        → failed → rolled-back | rollback-failed
    requested | started | failed → abandoned            (given up with nothing changed, or its runner died)

`rolled-back` means that things are as they were before: the previous version serves, or nothing does where nothing did.
An abandoned deployment says nothing of its artifact.

Every state change is one entry; a deployment is what its entries say, folded in order. Nothing here does I/O.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from tagship.domain.version import Version

SCHEMA = 1

NEXT: dict[str, frozenset[str]] = {
    "": frozenset({"requested"}),
    "requested": frozenset({"started", "failed", "abandoned"}),
    "started": frozenset({"healthy", "failed", "abandoned"}),
    "failed": frozenset({"rolled-back", "rollback-failed", "abandoned"}),
    "healthy": frozenset(),
    "rolled-back": frozenset(),
    "rollback-failed": frozenset(),
    "abandoned": frozenset(),
}
ENDED = frozenset(state for state, following in NEXT.items() if not following)
STATES = tuple(state for state in NEXT if state)


def new_id(now: datetime) -> str:
    """An id that sorts by time: `20261120-155301-123456-9f3a1c`."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Entry:
    """One state change. `at` is ISO 8601 in UTC; `details` holds what that state knows (hosts, durations, evidence)."""

    deployment_id: str
    number: int
    state: str
    at: str
    app: str
    environment: str
    action: str  # deploy | rollback
    artifact_id: str
    who: str
    where: str
    replaced: str = ""
    fence: int = 0
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self | None:
        """An entry, or None when it cannot be read or is of a later schema: such entries are named and skipped."""
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA or value["state"] not in STATES:
                return None
            return cls(**value)
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True)
class Deployment:
    """What the entries of one deployment say, the latest last."""

    entries: Sequence[Entry]

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def last(self) -> Entry:
        return self.entries[-1]

    @property
    def id(self) -> str:
        return self.first.deployment_id

    @property
    def state(self) -> str:
        return self.last.state

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def artifact_id(self) -> str:
        return self.first.artifact_id

    @property
    def seconds(self) -> float:
        """From the first entry to the last, in seconds."""
        return (datetime.fromisoformat(self.last.at) - datetime.fromisoformat(self.first.at)).total_seconds()


def fold(entries: Iterable[Entry]) -> list[Deployment]:
    """Deployments in the order they began, each with its entries in the order they were written."""
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(entry.deployment_id, []).append(entry)
    return [Deployment(tuple(sorted(by_id[one], key=lambda e: e.number))) for one in sorted(by_id)]


def serving(deployments: Sequence[Deployment]) -> str:
    """The artifact id that the ledger says an environment runs; empty when nothing was ever healthy there."""
    healthy = [one for one in deployments if one.state == "healthy"]
    return healthy[-1].artifact_id if healthy else ""


def marked_bad(deployments: Sequence[Deployment]) -> set[str]:
    """Artifact ids whose latest word is bad: a deployment of them failed, or somebody rolled back away from them.

    A rollback to a higher version takes an earlier rollback back: it says nothing against the one that it replaces.
    """
    bad: set[str] = set()
    for one in deployments:
        if one.state in {"failed", "rolled-back", "rollback-failed"}:
            bad.add(one.artifact_id)
        elif one.state == "healthy":
            bad.discard(one.artifact_id)
            if one.first.action == "rollback" and _went_back(one.artifact_id, one.last.replaced):
                bad.add(one.last.replaced)
    return bad


def _went_back(to: str, replaced: str) -> bool:
    """Whether `replaced` came after `to`. Untagged builds have no order: leaving one is going back."""
    if not replaced or replaced == to:
        return False
    ours, theirs = Version.maybe(to), Version.maybe(replaced)
    return not (ours and theirs and theirs < ours)


def rollback_candidates(deployments: Sequence[Deployment], running: str) -> list[str]:
    """Artifact ids to go back to, the most recently healthy first: not what runs, nothing that is marked bad."""
    bad = marked_bad(deployments)
    seen: dict[str, None] = {}
    for one in reversed(deployments):
        if one.state == "healthy" and one.artifact_id != running and one.artifact_id not in bad:
            seen.setdefault(one.artifact_id)
    return list(seen)
