"""A deployment is one attempt to make an environment run an artifact. Its record only grows.

    requested → started → healthy | partial
                        → failed → rolled-back | rollback-failed
    reset                                               (no deployment: a person started the fencing numbers again)
    tested                                              (no deployment: a version passed its tests there)
    requested | started | failed → abandoned            (given up with nothing changed, or nobody took it up again)

`started` is written once units have been asked, with the names of the first operations, and again by whoever resumes a
deployment whose runner died. It may be missing: a ledger that does not answer then does not stop the deployment.

`rolled-back` means that the previous version serves again, or that nothing serves because nothing did before.
`partial` means that it serves, but not on every unit: no more failed than the settings allow, some were skipped, or it
is a rollback, which goes to the units that can be reached and keeps what it brought back. The environment runs it
from then on; nobody goes back to it until a deployment of it is healthy. An abandoned one says nothing of the version.

Every state change is one entry, and a deployment is its entries, folded in order. A process that lost the lease may
still be writing: an entry after the end, or with a lower fencing number than one before it, is void. No I/O here.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from tagship.domain.stored import ODD, moment_of, read_back
from tagship.domain.version import ArtifactId

SCHEMA = 1
CHAINED = ("by", "before")  # fields that the first entries lacked: their bytes have to come out as they are stored

NEXT: dict[str, frozenset[str]] = {
    "": frozenset({"requested", "reset", "tested"}),
    "requested": frozenset({"started", "healthy", "partial", "failed", "abandoned"}),
    "started": frozenset({"started", "healthy", "partial", "failed", "abandoned"}),
    "failed": frozenset({"rolled-back", "rollback-failed", "abandoned"}),
    "healthy": frozenset(),
    "partial": frozenset(),
    "rolled-back": frozenset(),
    "rollback-failed": frozenset(),
    "abandoned": frozenset(),
    "reset": frozenset(),
    "tested": frozenset(),
}
SERVES = frozenset({"healthy", "partial"})
TESTED = "tested"
FAILED = frozenset({"failed", "rolled-back", "rollback-failed"})
ENDED = frozenset(state for state, following in NEXT.items() if not following)
STATES = tuple(state for state in NEXT if state)


AHEAD = timedelta(minutes=5)  # that a clock may be off
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{6}-[0-9a-f]{6}")


def new_id(now: datetime) -> str:
    """Make an id that sorts by time: `20261120-155301-123456-9f3a1c`."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"


def is_id(text: str) -> bool:
    """Tell whether `new_id` could have made it."""
    # A listing also has names that others gave to things.
    return bool(ID.fullmatch(text))


def begun(deployment_id: str) -> datetime:
    """Return when a deployment began, to the second, by the store's clock."""
    return datetime.strptime(deployment_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def is_to_come(deployment_id: str, now: datetime) -> bool:
    """Tell whether a deployment claims to begin later than now.

    An id has the store's own time: this one was made up, and would stay the latest for as long as it says.
    """
    return begun(deployment_id) > now + AHEAD


@dataclass(frozen=True)
class Entry:
    """One state change.

    `at` is ISO 8601 in UTC; `details` has what that state knows (units, durations, evidence).
    """

    deployment_id: str
    number: int
    state: str
    at: str
    app: str
    environment: str
    action: str  # deploy | rollback | unlock and test (of the states reset and tested: no deployment)
    artifact_id: str
    who: str
    where: str
    replaced: str = ""
    fence: int = 0
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""  # who asked, as AWS knows them: an ARN
    before: Mapping[str, str] = field(default_factory=dict)  # the chain: see tagship.domain.chain
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        values = asdict(self)
        for name in CHAINED:
            if not values[name]:
                del values[name]
        return (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self | None:
        """Read an entry; None if unreadable or of a later schema."""
        # Such entries are named and skipped.
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA:
                return None
            entry = read_back(cls, value)
            _check(entry)
        except ODD:
            return None
        return entry


def _check(entry: Entry) -> None:
    """Raise one of ODD if a later part is wrong."""
    if entry.state not in STATES:
        raise ValueError(entry.state)
    if not is_id(entry.deployment_id):
        raise ValueError(entry.deployment_id)
    moment_of(entry.at)
    if not all(isinstance(digest, str) for digest in entry.before.values()):
        raise TypeError(entry.before)
    if not all(isinstance(unit, str) for unit in entry.details.get("skipped", ())):
        raise TypeError(entry.details["skipped"])
    for key in ("names", "absent", "outputs"):
        names = entry.details.get(key, {})
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise TypeError(names)
    for unit in entry.details.get("units", ()):
        if not all(isinstance(unit[name], str) for name in ("unit", "outcome", "serving")):
            raise TypeError(unit)


@dataclass(frozen=True)
class Deployment:
    """The entries of one deployment, the latest last.

    `void` are entries that their writer had no right to.
    """

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
    def drill(self) -> bool:
        """Tell whether it was an exercise."""
        # Such a rollback says nothing against a version.
        return bool(self.first.details.get("drill"))

    @property
    def artifact_id(self) -> ArtifactId:
        return ArtifactId(self.first.artifact_id)

    @property
    def unsigned(self) -> bool:
        """Tell whether the deployed artifact was unsigned."""
        return any(entry.details.get("unsigned") for entry in self.entries)

    @property
    def all_or_nothing(self) -> bool:
        """Tell whether it's a rollback that every unit has to take."""
        return any(entry.details.get("all_or_nothing") for entry in self.entries)

    @property
    def backward(self) -> bool:
        """Tell whether a person had it go back to an older version."""
        return self.first.action == "rollback" or any(entry.details.get("backward") for entry in self.entries)

    @property
    def skipped(self) -> frozenset[str]:
        """List the ids of units that somebody had it leave alone."""
        return frozenset(unit for entry in self.entries for unit in entry.details.get("skipped", ()))

    @property
    def outputs(self) -> Mapping[str, str]:
        """Return what it recorded of infrastructure's outputs."""
        return {name: text for entry in self.entries for name, text in entry.details.get("outputs", {}).items()}

    @property
    def label(self) -> str:
        """Return the artifact's name for people."""
        return f"{self.artifact_id} (UNSIGNED)" if self.unsigned else self.artifact_id

    @property
    def seconds(self) -> float:
        """Return the seconds from the first entry to the last."""
        return (datetime.fromisoformat(self.last.at) - datetime.fromisoformat(self.first.at)).total_seconds()


def fold(entries: Iterable[Entry]) -> list[Deployment]:
    """Group entries by deployment, both in the order they were written."""
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(entry.deployment_id, []).append(entry)
    return [_folded(by_id[deployment_id]) for deployment_id in sorted(by_id)]


def _folded(entries: Iterable[Entry]) -> Deployment:
    """Fold one deployment's entries."""
    # Two may have one number and different states: the higher fencing number had the right to write it.
    counted, void = list[Entry](), list[Entry]()
    for entry in sorted(entries, key=lambda candidate: (candidate.number, -candidate.fence, candidate.at)):
        last = counted[-1] if counted else entry
        overtaken = entry.fence < last.fence or (last is not entry and last.state in ENDED)
        (void if overtaken else counted).append(entry)
    return Deployment(tuple(counted), tuple(void))


def fences(deployments: Sequence[Deployment]) -> list[int]:
    """List the fencing numbers of all entries, whatever they are."""
    return [entry.fence for deployment in deployments for entry in (*deployment.entries, *deployment.void)]


def fenced(deployments: Sequence[Deployment]) -> int:
    """Return the highest fencing number that any deployment had."""
    return max(fences(deployments), default=0)


def believed(deployments: Sequence[Deployment], top: int) -> list[Deployment]:
    """Leave out what carries a number above `top`.

    No lease led to such a number: whoever wrote the entry had no right to. A deployment with no other entry is gone.
    """
    entries = [entry for deployment in deployments for entry in (*deployment.entries, *deployment.void)]
    return fold(entry for entry in entries if 0 <= entry.fence <= top)


def settled(deployments: Sequence[Deployment]) -> bool:
    """Tell whether the last deployment has ended."""
    # Until then, what the environment runs may change.
    return not deployments or deployments[-1].ended


def serving(deployments: Sequence[Deployment]) -> str:
    """Return the artifact id that an environment runs; empty if none.

    That is what the ledger says: the latest that was healthy or partial.
    """
    last = latest_serving(deployments)
    return last.artifact_id if last else ""


def latest_serving(deployments: Sequence[Deployment]) -> Deployment | None:
    """Return the deployment that decides what an environment runs."""
    # The last one that was healthy, or partial.
    return next((deployment for deployment in reversed(deployments) if deployment.state in SERVES), None)


def unfinished(deployments: Sequence[Deployment]) -> Deployment | None:
    """Return the latest deployment if it has not ended."""
    # Nobody finishes an earlier one.
    return deployments[-1] if deployments and not deployments[-1].ended else None
