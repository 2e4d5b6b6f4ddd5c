"""status: what runs where, by the ledger and by each unit's own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from tagship.domain import commands
from tagship.domain.absent import Gone, gone_sentence
from tagship.domain.deployment import Deployment, unfinished
from tagship.domain.text import MANY, counted, moment
from tagship.domain.units import Unit
from tagship.domain.version import ArtifactId
from tagship.engine.abreast import abreast
from tagship.engine.absent import gone
from tagship.engine.drift import NOT_KNOWN, NOTHING, Known, UnitStatus, is_down, units_now
from tagship.engine.gates import why_bad
from tagship.engine.holder import Holder
from tagship.engine.holder import lines as lease_lines
from tagship.engine.holder import look as look_at_lease
from tagship.engine.plan import Facts, facts
from tagship.engine.rollback_candidates import suggested
from tagship.engine.starts import uncommitted, warn_of_uncommitted
from tagship.engine.static_sets import drifts, warn_of_drifts
from tagship.engine.unread import all_read, newest_unread
from tagship.engine.whereabouts import Whereabouts, where_is
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

    @property
    def drifted(self) -> bool:
        return bool(self.problem or self.uncommitted or self.static) or any(unit.drift for unit in self.units)

    def as_data(self) -> dict[str, object]:
        return {**asdict(self), "drifted": self.drifted}


def status(app: App, *, env: str = "", version: str = "") -> list[Status] | list[Whereabouts]:
    """Look at one environment, or at all; nothing is changed.

    With a version, say where that one is now.
    """
    environments = [env] if env else list(app.settings.environments)
    if version:
        return where_is(app, ArtifactId.parse(version), environments)
    return _statuses(app, environments)


def _statuses(app: App, environments: Sequence[str]) -> list[Status]:
    statuses = []
    for environment in environments:
        app.settings.environment(environment)
    _ = app.ledger, app.freezes, app.leases  # made once, before the looks share them
    alone = len(environments) == 1
    for current in abreast(app, environments, partial(_look, alone=alone)):
        statuses.append(current)
        _show(app, current)
    return statuses


def _look(app: App, environment: str, *, alone: bool) -> Status:
    known = facts(app, environment)
    history, serves = known.history, known.last
    last = serves.last if serves else None
    artifact = serves.artifact_id if serves else ArtifactId()
    units, problem, unsigned, asked = _units(app, known, artifact, alone=alone)
    lease, bad = look_at_lease(app, environment), why_bad(app, environment, artifact, history) if artifact else None
    back = _back(app, environment, history) if bad or known.unfinished or is_down(units) else ""
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


def _show_signatures(app: App, current: Status) -> None:
    if current.unsigned:
        app.screen.warn(f"UNSIGNED: nobody signed what {current.environment} runs")
    elif current.takes_unsigned:
        app.screen.say(f"{current.environment} takes UNSIGNED artifacts (allow_unsigned); what it runs is signed")


def _show_unfinished(app: App, current: Status) -> None:
    deployment, _, when = current.unfinished.rpartition(", ")
    app.screen.warn(f"not ended: {deployment}")
    app.screen.say(f"  {when}")
    if not current.resume:
        app.screen.say(f"  if its runner died:  {commands.resume(current.environment, wait='10m')}")
        return
    if current.unread:
        app.screen.warn("some of its entries can't be read, its end perhaps among them")
        app.screen.say(f"  to end it by what runs: {current.resume}")
    else:
        app.screen.warn("its runner's heartbeat has stopped: it will not end by itself")
        app.screen.say(f"  to end it:           {current.resume}")
    if current.back:
        app.screen.say(f"  or to what was good: {commands.rollback(current.back, current.environment)}")


def _show_the_way(app: App, current: Status) -> None:
    """Say how to bring units to what they should run.

    Never to a version that is marked bad.
    """
    if current.unread == "all":
        app.screen.warn(f"nothing of the newest deployment can be read: {current.environment} may run another version")
        runs = {unit.runs for unit in current.units}
        if current.drifted and len(runs) == 1 and not runs & {NOTHING, NOT_KNOWN}:
            record = commands.rollback(runs.pop(), current.environment)
            app.screen.say(f"to record what every {current.units[0].noun} runs: {record}")
    elif current.bad and current.back:
        app.screen.say(f"to go back to what was good: {commands.rollback(current.back, current.environment)}")
    elif current.artifact and not current.bad:
        app.screen.say(_healing(current))
        if current.back:
            app.screen.say(f"or to go back to what was good: {commands.rollback(current.back, current.environment)}")


def _healing(current: Status) -> str:
    """Say what heals; what can't be asked can't be healed."""
    heal = commands.heal(current.environment)
    if all(unit.runs == NOT_KNOWN for unit in current.units if unit.drift):
        return f"once every {current.units[0].noun} can be asked, to see that it runs {current.artifact}: {heal}"
    them = "it" if len([unit for unit in current.units if unit.drift]) == 1 else "them"
    return f"to bring {them} to {current.artifact}: {heal}"


def _state(current: Status, unit: UnitStatus) -> str:
    """Describe a unit: as recorded, or how it drifted.

    What a deployment that has not ended put there is no drift: it is on its way.
    """
    if unit.drift and f" of {unit.runs} by " in current.unfinished:
        return "by the unfinished deployment"
    if unit.drift and unit.runs == NOT_KNOWN:
        return f"can't be asked: {unit.drift}"
    return f"drift: {unit.drift}" if unit.drift else "as recorded"


def _show_gone(app: App, current: Status) -> None:
    if current.gone:
        noun = current.units[0].noun if current.units else "unit"
        app.screen.warn(gone_sentence(current.gone, noun, current.environment))


def _show(app: App, current: Status) -> None:
    if current.artifact:
        word = f"partial ({current.partial})" if current.partial else "healthy"
        app.screen.say(
            f"{current.environment}: {current.artifact}, {word} since {moment(current.since)} UTC, by {current.who}"
        )
    else:
        app.screen.say(f"{current.environment}: nothing was ever healthy here")
    _show_signatures(app, current)
    if current.unfinished:
        _show_unfinished(app, current)
    if current.bad:
        word = "is marked bad" if current.marked else "counts as bad"
        app.screen.warn(f"{current.artifact} {word}: {current.bad}")
    if current.lease.state != "free":
        for line in lease_lines(current.lease):
            app.screen.say(line)
    if current.lease.frozen:
        app.screen.say(current.lease.frozen)
    if current.problem:
        app.screen.warn(current.problem)
    drifted = [unit for unit in current.units if unit.drift]
    shown = current.units if len(current.units) <= MANY else drifted
    if shown:
        rows = [[unit.name, unit.id, unit.runs, _state(current, unit)] for unit in shown]
        app.screen.table((shown[0].noun.upper(), "ID", "RUNS", ""), rows)
    _show_gone(app, current)
    warn_of_uncommitted(app, current.environment, current.artifact, current.uncommitted)
    warn_of_drifts(app, current.environment, current.artifact, current.static, ends=not current.unfinished)
    if len(shown) < len(current.units):
        total = counted(len(current.units), current.units[0].noun)
        app.screen.say(f"{len(current.units) - len(shown)} of {total} run what is recorded")
    if current.artifact and not current.unfinished and is_down(current.units):
        app.screen.warn(
            f"no {current.units[0].noun} serves {current.artifact} now; it was healthy when it was deployed"
        )
    if (drifted or current.bad) and not current.unfinished:
        _show_the_way(app, current)
