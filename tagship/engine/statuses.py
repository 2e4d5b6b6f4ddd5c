"""What runs where, by the ledger and by each unit's own word: what `status` shows and `watch` watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from tagship.domain import commands
from tagship.domain.absent import Gone
from tagship.domain.deployment import Deployment, unfinished
from tagship.domain.text import moment
from tagship.domain.units import Unit
from tagship.domain.version import ArtifactId
from tagship.engine.abreast import abreast
from tagship.engine.absent import gone
from tagship.engine.beside import beside
from tagship.engine.drift import Known, UnitStatus, is_down, units_now
from tagship.engine.gates import why_bad
from tagship.engine.holder import Holder
from tagship.engine.holder import look as look_at_lease
from tagship.engine.plan import Facts, facts
from tagship.engine.rollback_candidates import suggested
from tagship.engine.starts import uncommitted
from tagship.engine.static_sets import drifts
from tagship.engine.unread import all_read, newest_unread
from tagship.errors import NotAllowed, TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class Status:
    """One environment: what runs there, and what the ledger says.

    `artifact` is what the ledger says it runs, `bad` why that is marked bad; `unfinished` is a deployment that has not
    ended, `resume` the command that ends it if its runner died. `since` is ISO 8601 in UTC.
    """

    environment: str
    artifact: str
    since: str
    who: str
    unfinished: str
    lease: Holder
    units: Sequence[UnitStatus]
    problem: str = ""
    resume: str = ""
    bad: str = ""
    marked: bool = False  # bad by a person's word, by a mark or a rollback; otherwise it failed
    unsigned: bool = False  # nobody signed what runs, by the ledger or by a unit's own word
    takes_unsigned: bool = False  # the settings allow that
    back: str = ""  # what to go back to, if a deployment has not ended or what runs is marked bad or answers nowhere
    unread: str = ""  # what of the newest deployment can't be read: `some` of its entries, or `all`
    gone: Sequence[Gone] = ()  # units of earlier deployments that are not there now
    partial: str = ""  # how many units were left without it, where that is known; empty for a healthy deployment
    uncommitted: str = ""  # why units that start from now on would not run what is recorded
    static: Mapping[str, str] = field(default_factory=dict)  # static sets that are not the artifact's, and why
    stored: str = ""  # why what it runs could not be deployed again, if that was looked at
    tag: str = ""  # how the tag on the remote differs from what it runs, if that was looked at

    @property
    def drifted(self) -> bool:
        beside = self.problem or self.uncommitted or self.static or self.stored or self.tag
        return bool(beside) or any(unit.drift for unit in self.units)

    def as_data(self) -> dict[str, object]:
        return {**asdict(self), "drifted": self.drifted}


def looked(app: App, environments: Sequence[str], *, check: bool = False) -> Iterator[Status]:
    """Yield the status of each environment, in their order.

    With `check`, hold what is stored, and the tag on the remote, against what it runs, too.
    """
    for environment in environments:
        app.settings.environment(environment)
    _ = app.ledger, app.freezes, app.leases  # made once, before the looks share them
    yield from abreast(app, environments, partial(_look, alone=len(environments) == 1, check=check))


def _look(app: App, environment: str, *, alone: bool, check: bool) -> Status:
    known = facts(app, environment)
    history, serves = known.history, known.last
    last = serves.last if serves else None
    artifact = serves.artifact_id if serves else ArtifactId()
    units, problem, unsigned, asked = _units(app, known, artifact, alone=alone)
    lease, bad = look_at_lease(app, environment), why_bad(app, environment, artifact, history) if artifact else None
    back = _back(app, environment, history) if bad or known.unfinished or is_down(units) else ""
    stored, tag = beside(app, environment, ArtifactId(artifact)) if check and artifact else ("", "")
    return Status(
        environment=environment,
        artifact=artifact,
        since=last.at if last else "",
        who=last.who if last else "",
        unfinished=_unfinished(history),
        lease=lease,
        units=units,
        problem=problem,
        resume=commands.resume(environment) if unfinished(history) and lease.state != "held" else "",
        bad=bad.why if bad else "",
        marked=bool(bad and bad.by_hand),
        unsigned=unsigned or bool(serves and serves.unsigned),
        back=back,
        gone=gone(app, environment, history, [Unit(unit.id, unit.name, True) for unit in units]) if asked else (),
        unread=_unread(app, environment, history),
        takes_unsigned=app.settings.environment(environment).allow_unsigned,
        partial=last.reason if last and last.state == "partial" else "",
        uncommitted=uncommitted(app, known) if asked else "",
        static=drifts(app, environment, artifact) if asked else {},
        stored=stored,
        tag=tag,
    )


def _units(app: App, known: Facts, artifact: str, *, alone: bool) -> tuple[list[UnitStatus], str, bool, bool]:
    """Ask each unit, and tell whether that was allowed.

    Units that this identity may not ask are a failure only if their environment is looked at `alone`.
    """
    try:
        return *units_now(app, known.environment, artifact, Known.of(app, known)), True
    except NotAllowed as reason:
        if alone:
            raise
        return [], f"what {known.environment} runs was not asked: {reason.what}", False, False


def _back(app: App, environment: str, history: Sequence[Deployment]) -> str:
    """Find what to go back to; empty if there is nothing.

    Also empty if artifacts can't be verified here: a look needs no key.
    """
    try:
        return suggested(app, environment, history) or ""
    except TagshipError as reason:
        app.screen.warn(f"can't tell what {environment} can go back to: {reason.what}")
        return ""


def _unread(app: App, environment: str, history: Sequence[Deployment]) -> str:
    if newest_unread(app, environment, history):
        return "all"
    return "some" if history and not all_read(app, environment, history[-1]) else ""


def _unfinished(history: Sequence[Deployment]) -> str:
    """Describe the last deployment, if it has not ended."""
    if not history or history[-1].ended:
        return ""
    last = history[-1]
    return f"{last.first.action} of {last.artifact_id} by {last.first.who}, {last.state} {moment(last.last.at)} UTC"
