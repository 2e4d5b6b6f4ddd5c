"""How an environment's deployments go, from the ledger's records alone. Pure.

A change is a deployment of another artifact than the one that served before: bringing hosts that lag to what runs is
none. What was abandoned says nothing of a version and is not counted. A change failed if its deployment did, or if what
serves changed next by a rollback that was no drill. DORA's four keys are of changes:

    deployment frequency   healthy ones a day
    lead time              from the commit that the artifact was built of to healthy
    change failure rate    failed ones among all
    recovery time          from the failure, or from the end of what was rolled back from later, until something serves

Percentiles are by nearest rank: each is a value that was measured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tagship.domain.deployment import FAILED, SERVES, Deployment

DAY = 86400.0  # seconds


@dataclass(frozen=True)
class Spread:
    """Values in brief: how many, the median, the 95th percentile."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        ordered = sorted(values)
        return cls(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.95)) if ordered else cls()


def _rank(ordered: Sequence[float], share: float) -> float:
    return round(ordered[math.ceil(share * len(ordered)) - 1], 3)


@dataclass(frozen=True)
class Metrics:
    """The figures of one environment and period.

    Times are in seconds, sizes in bytes, `since` and `until` ISO 8601 in UTC. A rate is None if nothing was counted.
    """

    environment: str
    since: str
    until: str
    outcomes: Mapping[str, int] = field(default_factory=dict)  # of changes: healthy, partial, failed
    abandoned: int = 0
    rollbacks: int = 0
    success_rate: float | None = None
    rollback_rate: float | None = None  # rollbacks a change
    duration: Spread = field(default_factory=Spread)  # of changes, from the request to the end
    phases: Mapping[str, Spread] = field(default_factory=dict)  # of units, by phase
    health_attempts: Spread = field(default_factory=Spread)  # of units
    size: Spread = field(default_factory=Spread)  # of what changes brought
    deployments_a_day: float = 0.0
    lead_time: Spread = field(default_factory=Spread)
    change_failure_rate: float | None = None
    recovery_time: Spread = field(default_factory=Spread)

    @property
    def changes(self) -> int:
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class _Event:
    """A deployment, and what served when it began."""

    deployment: Deployment
    before: str

    @property
    def state(self) -> str:
        return self.deployment.state

    @property
    def is_change(self) -> bool:
        deploys = self.deployment.first.action == "deploy"
        return deploys and self.deployment.ended and self.deployment.artifact_id != self.before

    @property
    def goes_back(self) -> bool:
        return self.deployment.first.action == "rollback" and not self.deployment.drill

    @property
    def counts(self) -> bool:
        return self.is_change and self.state != "abandoned"

    @property
    def outcome(self) -> str:
        return "failed" if self.state in FAILED else self.state


def metrics(deployments: Sequence[Deployment], environment: str, since: datetime, until: datetime) -> Metrics:
    """Compute the figures of deployments that began in a period.

    `deployments` are all of the environment's, in any order: what served before the period counts too.
    """
    events = list(_events(deployments))
    recoveries = _recoveries(events)
    inside = [event for event in events if since <= datetime.fromisoformat(event.deployment.first.at) < until]
    changes = [event for event in inside if event.counts]
    outcomes = Counter(event.outcome for event in changes)
    rollbacks = [event for event in inside if event.goes_back and event.state in SERVES]
    failures = [event for event in changes if event.outcome == "failed" or event.deployment.id in recoveries]
    units = [unit for event in (*changes, *rollbacks) for unit in event.deployment.last.details.get("units", ())]
    healthy = [event.deployment for event in changes if event.state == "healthy"]
    return Metrics(
        environment,
        since.isoformat(timespec="seconds"),
        until.isoformat(timespec="seconds"),
        {outcome: outcomes[outcome] for outcome in ("healthy", "partial", "failed")},
        sum(event.is_change and event.state == "abandoned" for event in inside),
        len(rollbacks),
        success_rate=_share(outcomes["healthy"], len(changes)),
        rollback_rate=_share(len(rollbacks), len(changes)),
        duration=Spread.of(event.deployment.seconds for event in changes),
        phases=_phases(units),
        health_attempts=Spread.of(attempts for unit in units if (attempts := _attempts(unit))),
        size=Spread.of(size for event in changes if (size := _noted(event.deployment, "size"))),
        deployments_a_day=round(len(healthy) / max((until - since).total_seconds() / DAY, 1e-9), 4),
        lead_time=Spread.of(lead for deployment in healthy if (lead := _lead(deployment)) is not None),
        change_failure_rate=_share(len(failures), len(changes)),
        recovery_time=Spread.of(
            recoveries[event.deployment.id] for event in failures if event.deployment.id in recoveries
        ),
    )


def _events(deployments: Sequence[Deployment]) -> Iterator[_Event]:
    serves = ""
    for deployment in sorted(deployments, key=lambda deployment: deployment.id):
        yield _Event(deployment, serves)
        serves = deployment.artifact_id if deployment.state in SERVES else serves


def _recoveries(events: Sequence[_Event]) -> dict[str, float]:
    """Map failed changes to the seconds until something served."""
    recovered: dict[str, float] = {}
    later: list[_Event] = []  # that serve, the next one last
    for event in reversed(events):
        took = _recovery(event, later) if event.counts else None
        if took is not None:
            recovered[event.deployment.id] = took
        if event.state in SERVES and not event.deployment.drill:
            later.append(event)
    return recovered


def _recovery(event: _Event, later: Sequence[_Event]) -> float | None:
    """Return the seconds from a failure until something served again.

    None if it did not fail, or nothing has served since. Of `later`, the last is the next.
    """
    deployment = event.deployment
    if deployment.state == "rolled-back":
        failed = next(entry for entry in deployment.entries if entry.state == "failed")
        return _between(failed.at, deployment.last.at)
    if deployment.state in FAILED:
        return _between(deployment.last.at, later[-1].deployment.last.at) if later else None
    moved = next((after.deployment for after in reversed(later) if after.deployment.artifact_id != after.before), None)
    if moved and moved.first.action == "rollback":
        return _between(deployment.last.at, moved.last.at)
    return None


def _between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _phases(units: Sequence[Mapping[str, object]]) -> dict[str, Spread]:
    times: dict[str, list[float]] = {}
    for unit in units:
        durations = unit.get("durations")
        for phase, seconds in durations.items() if isinstance(durations, Mapping) else ():
            if isinstance(seconds, int | float):
                times.setdefault(str(phase), []).append(float(seconds))
    return {phase: Spread.of(times[phase]) for phase in sorted(times)}


def _attempts(unit: Mapping[str, object]) -> int:
    health = unit.get("health")
    attempts = health.get("attempts") if isinstance(health, Mapping) else 0
    return attempts if isinstance(attempts, int) else 0


def _noted(deployment: Deployment, name: str) -> float:
    value = deployment.first.details.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _lead(deployment: Deployment) -> float | None:
    """Return the seconds from the commit to healthy.

    None if the ledger does not know when that was, or whoever made it had a clock that is ahead.
    """
    try:
        lead = _between(str(deployment.first.details["committed"]), deployment.last.at)
    except (KeyError, ValueError, TypeError):  # an entry of before it was noted, or a time without its zone
        return None
    return lead if lead >= 0 else None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
