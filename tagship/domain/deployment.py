"""A deployment is one attempt to make an environment run an artifact. Its record only grows.

    requested → started → healthy | partial
                        → failed → rolled-back | rollback-failed
    requested | started | failed → abandoned            (given up with nothing changed, or nobody took it up again)

`started` is written once units have been asked, with the names of the first operations, and again by whoever resumes a
deployment whose runner died. A ledger that does not answer at that moment holds nothing up: it may be missing.

`rolled-back` means that things are as they were before: the previous version serves, or nothing does where nothing did.
`partial` means that it serves, but not on every unit: no more failed than the settings allow, some were skipped, or it
is a rollback, which goes to the units that can be reached and keeps what it brought back. The environment runs it
from then on; it is nothing to go back to until a deployment of it is healthy. An abandoned one says nothing of it.

Every state change is one entry; a deployment is what its entries say, folded in order. Who has lost the lease may still
be writing: what follows an end, or carries a lower fencing number than what is there, is void. Nothing here does I/O.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from tagship.domain.stored import ODD, moment_of, read_back
from tagship.domain.version import ArtifactId

SCHEMA = 1

NEXT: dict[str, frozenset[str]] = {
    "": frozenset({"requested"}),
    "requested": frozenset({"started", "healthy", "partial", "failed", "abandoned"}),
    "started": frozenset({"started", "healthy", "partial", "failed", "abandoned"}),
    "failed": frozenset({"rolled-back", "rollback-failed", "abandoned"}),
    "healthy": frozenset(),
    "partial": frozenset(),
    "rolled-back": frozenset(),
    "rollback-failed": frozenset(),
    "abandoned": frozenset(),
}
SERVES = frozenset({"healthy", "partial"})
FAILED = frozenset({"failed", "rolled-back", "rollback-failed"})
ENDED = frozenset(state for state, following in NEXT.items() if not following)
STATES = tuple(state for state in NEXT if state)


ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{6}-[0-9a-f]{6}")


def new_id(now: datetime) -> str:
    """An id that sorts by time: `20261120-155301-123456-9f3a1c`."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"


def is_id(text: str) -> bool:
    """Whether it is what `new_id` gives: a listing has the names that others gave to things, too."""
    return bool(ID.fullmatch(text))


def begun(deployment_id: str) -> datetime:
    """When it began, to the second, by the clock that gave its id: the store's."""
    return datetime.strptime(deployment_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One state change. `at` is ISO 8601 in UTC; `details` holds what that state knows (units, durations, evidence)."""

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
            if value["schema"] != SCHEMA:
                return None
            found = read_back(cls, value)
            _check(found)
        except ODD:
            return None
        return found


def _check(one: Entry) -> None:
    """Raises one of ODD where what is read of it later is not what it must be."""
    if one.state not in STATES:
        raise ValueError(one.state)
    if not is_id(one.deployment_id):
        raise ValueError(one.deployment_id)
    moment_of(one.at)
    if not all(isinstance(unit, str) for unit in one.details.get("skipped", ())):
        raise TypeError(one.details["skipped"])
    for unit in one.details.get("units", ()):
        if not all(isinstance(unit[name], str) for name in ("unit", "outcome", "serving")):
            raise TypeError(unit)


@dataclass(frozen=True)
class Deployment:
    """What the entries of one deployment say, the latest last. `void` are those that their writer had no right to."""

    entries: Sequence[Entry]
    void: Sequence[Entry] = ()

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
    def artifact_id(self) -> ArtifactId:
        return ArtifactId(self.first.artifact_id)

    @property
    def unsigned(self) -> bool:
        """Whether nobody had signed the artifact, as whoever deployed it found."""
        return any(entry.details.get("unsigned") for entry in self.entries)

    @property
    def all_or_nothing(self) -> bool:
        """Whether it is a rollback that is put back everywhere unless every unit takes it."""
        return any(entry.details.get("all_or_nothing") for entry in self.entries)

    @property
    def skipped(self) -> frozenset[str]:
        """The ids of the units that were left as they were, because somebody said so."""
        return frozenset(unit for entry in self.entries for unit in entry.details.get("skipped", ()))

    @property
    def label(self) -> str:
        """The artifact as a person is told of it."""
        return f"{self.artifact_id} (UNSIGNED)" if self.unsigned else self.artifact_id

    @property
    def seconds(self) -> float:
        """From the first entry to the last, in seconds."""
        return (datetime.fromisoformat(self.last.at) - datetime.fromisoformat(self.first.at)).total_seconds()


def fold(entries: Iterable[Entry]) -> list[Deployment]:
    """Deployments in the order they began, each with its entries in the order they were written."""
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(entry.deployment_id, []).append(entry)
    return [_folded(by_id[one]) for one in sorted(by_id)]


def _folded(entries: Iterable[Entry]) -> Deployment:
    """Two may have written under one number, in different states: the higher fencing number had the right to."""
    counted, void = list[Entry](), list[Entry]()
    for entry in sorted(entries, key=lambda one: (one.number, -one.fence, one.at)):
        last = counted[-1] if counted else entry
        overtaken = entry.fence < last.fence or (last is not entry and last.state in ENDED)
        (void if overtaken else counted).append(entry)
    return Deployment(tuple(counted), tuple(void))


def fenced(deployments: Sequence[Deployment]) -> int:
    """The highest fencing number that any of them had."""
    return max((entry.fence for one in deployments for entry in (*one.entries, *one.void)), default=0)


def settled(deployments: Sequence[Deployment]) -> bool:
    """Whether the last one has ended: until then, what the environment runs may change."""
    return not deployments or deployments[-1].ended


def serving(deployments: Sequence[Deployment]) -> str:
    """The artifact id that the ledger says an environment runs; empty when nothing was ever healthy there."""
    last = latest_serving(deployments)
    return last.artifact_id if last else ""


def latest_serving(deployments: Sequence[Deployment]) -> Deployment | None:
    """The deployment that decides what an environment runs: the last one that was healthy, or partial."""
    return next((one for one in reversed(deployments) if one.state in SERVES), None)


def unfinished(deployments: Sequence[Deployment]) -> Deployment | None:
    """The latest deployment, where it has not ended. An earlier one that has not is nobody's to finish any more."""
    return deployments[-1] if deployments and not deployments[-1].ended else None
