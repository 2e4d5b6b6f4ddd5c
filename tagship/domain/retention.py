"""Which stored artifacts go, and why each of the others stays. Pure.

An artifact goes if it is older than the days given and nothing below protects it:

    what a unit runs or ran before, what the ledger says that the environment runs
    what a rollback would go to, and the one after that
    what units that start will run
    what on AWS uses something that a deployment made of it: an alias, a service, a task, a group, an instance
    what a static set's destination holds, or keeps for a rollback
    what a deployment that has not ended brings or replaces
    what passed its tests last, until the environment that it is promoted to has had it
    what runs, is gone back to or is on its way in another environment: promoted bytes have one id everywhere
    what a person marked good
    the newest healthy ones, as many as are to be kept; failed ones and those marked bad are not counted

Of a preview that was taken away nothing is protected but what another environment needs.

Its age counts from its last deployment, or from when it was stored if that is later. What was never deployed, or has no
manifest, may be on its way: it stays for a day at least, whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tagship.domain.deployment import Deployment, latest_serving, unfinished
from tagship.domain.mark import Mark
from tagship.domain.standing import marked_bad, ways_back

DAYS, KEEP = 7, 5
WINDOW = 2  # versions that a rollback may go to: the first, and the next if that one is no good either
UNDEPLOYED = timedelta(days=1)  # that CI may take from the first object to a deployment, approvals included


@dataclass(frozen=True)
class Policy:
    """How long artifacts stay, and how many healthy ones at least."""

    days: int = DAYS
    keep: int = KEEP

    @property
    def age(self) -> timedelta:
        return timedelta(days=self.days)


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact as a listing shows it.

    `size` is in bytes, of all its objects; `stored` is when the last of them was; `whole`: it has a manifest.
    """

    id: str
    size: int
    stored: datetime
    objects: int
    whole: bool = True


@dataclass(frozen=True)
class Judgement:
    """Whether an artifact goes, and why; `age` is the one that counts."""

    goes: bool
    reason: str
    age: timedelta


@dataclass(frozen=True)
class Use:
    """What is known of an environment's artifacts.

    `units` maps a unit's name to the artifacts that it names; `starting` is what units that start will run. `newest`
    and `window` are ids that are stored: healthy ones, and those that a rollback may go to. `others` are the histories
    of the other environments. `hold` is why nothing may go now: a freeze, or a deployment under way. `holding` maps
    artifacts to what on AWS uses something of them, such as an alias that names a version. `closed`: it is a
    preview that was taken away, so that nothing of it is gone back to. `promotable` passed its tests last, and the next
    environment has not had it.
    """

    history: Sequence[Deployment]
    marks: Sequence[Mark] = ()
    units: Mapping[str, Sequence[str]] = field(default_factory=dict)
    starting: Sequence[str] = ()
    newest: Sequence[str] = ()
    window: Sequence[str] = ()
    others: Mapping[str, Sequence[Deployment]] = field(default_factory=dict)
    hold: str = ""
    holding: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    promotable: str = ""


def healthy_versions(history: Sequence[Deployment], marks: Iterable[Mark] = ()) -> list[str]:
    """List ids that were healthy and are not bad, latest first."""
    bad = marked_bad(history, marks)
    healthy = (deployment.artifact_id for deployment in reversed(history) if deployment.state == "healthy")
    return list(dict.fromkeys(artifact for artifact in healthy if artifact not in bad))


def protected(use: Use) -> dict[str, str]:
    """Map each artifact that stays, however old it is, to the reason."""
    reasons: dict[str, str] = {}
    for artifact, reason in _reasons(use):
        if artifact:
            reasons.setdefault(artifact, reason)
    return reasons


def _reasons(use: Use) -> Iterable[tuple[str, str]]:
    """Give each reason to keep an artifact, the strongest first."""
    if not use.closed:
        yield from _of_itself(use)
    for environment, history in use.others.items():
        yield from _of_history(history, f" on {environment}")
        yield from ((artifact, f"a rollback of {environment} may go to it") for artifact in ways_back(history)[:WINDOW])
    if not use.closed:
        yield from ((artifact, "somebody marked it good") for artifact in _marked_good(use.marks))
        yield from ((artifact, f"one of the newest {len(use.newest)} healthy ones") for artifact in use.newest)


def _of_itself(use: Use) -> Iterable[tuple[str, str]]:
    """Give what the environment itself runs, and may run."""
    for unit, artifacts in use.units.items():
        yield from zip(artifacts, (f"{unit} runs it", *[f"{unit} ran it before"] * len(artifacts)), strict=False)
    yield from _of_history(use.history, "")
    yield from ((artifact, "units that start run it") for artifact in use.starting)
    yield from ((artifact, "a rollback may go to it") for artifact in use.window)
    yield use.promotable, "it passed its tests, and was not promoted yet"
    yield from use.holding.items()


def _of_history(history: Sequence[Deployment], where: str) -> Iterable[tuple[str, str]]:
    if current := latest_serving(history):
        yield current.artifact_id, f"the ledger says that it runs{where}"
    if going := unfinished(history):
        yield going.artifact_id, f"its deployment{where} has not ended"
        yield going.last.replaced, f"a deployment{where} that has not ended replaces it"


def _marked_good(marks: Sequence[Mark]) -> list[str]:
    last = {mark.artifact_id: mark.verdict for mark in sorted(marks, key=lambda mark: mark.id)}
    return [artifact for artifact, verdict in last.items() if verdict == "good"]


def last_deployed(history: Sequence[Deployment]) -> dict[str, datetime]:
    """Map each artifact to when its last deployment ended, or got to."""
    return {deployment.artifact_id: datetime.fromisoformat(deployment.last.at) for deployment in history}


@dataclass(frozen=True)
class Retention:
    """What stays in one cleaning, and how old the rest may be.

    `kept` is what `protected` gives, `deployed` what `last_deployed` gives; `hold` is why nothing may go at all.
    """

    kept: Mapping[str, str]
    deployed: Mapping[str, datetime]
    policy: Policy
    now: datetime
    hold: str = ""

    @classmethod
    def of(cls, use: Use, policy: Policy, now: datetime) -> Retention:
        return cls(protected(use), last_deployed(use.history), policy, now, use.hold)

    def verdict(self, artifact: StoredArtifact) -> Judgement:
        """Decide whether an artifact goes."""
        used = self.deployed.get(artifact.id)
        age = self.now - max(artifact.stored, used or artifact.stored)
        if reason := self.kept.get(artifact.id) or self.hold or self._young(artifact, age, deployed=bool(used)):
            return Judgement(False, reason, age)
        if not artifact.whole:
            return Judgement(True, "it has no manifest", age)
        return Judgement(True, "nothing uses it" if used else "it was never deployed", age)

    def _young(self, artifact: StoredArtifact, age: timedelta, *, deployed: bool) -> str:
        """Say that it is too young to go; empty if not."""
        if age < UNDEPLOYED and not (deployed and artifact.whole):
            return "not deployed, and less than a day old" if artifact.whole else "still being stored"
        return f"younger than {self.policy.days} days" if age < self.policy.age else ""
