"""status: what runs where, by the ledger and by each unit's own word."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import commands
from tagship.domain.absent import gone_sentence
from tagship.domain.history import person
from tagship.domain.text import MANY, counted, listed, moment
from tagship.domain.version import ArtifactId
from tagship.engine.drift import NOT_KNOWN, NOTHING, UnitStatus, is_down
from tagship.engine.figures import send_look
from tagship.engine.holder import lines as lease_lines
from tagship.engine.starts import warn_of_uncommitted
from tagship.engine.static_sets import warn_of_drifts
from tagship.engine.statuses import Status, looked
from tagship.engine.whereabouts import Whereabouts, where_is
from tagship.errors import Incomplete
from tagship.ports.app import App

__all__ = ["Status", "status"]


class Checked(list[Status]):
    """Statuses of which none may have drifted."""

    def insist(self) -> None:
        """Raise Incomplete if one has."""
        drifted = [current.environment for current in self if current.drifted]
        if drifted:
            look = commands.status(drifted[0] if len(drifted) == 1 else "")
            raise Incomplete(
                f"Drift: {listed(drifted)} is not as the ledger says.",
                remedy=f"Follow the advice above, then look again: {look}",
            )


def status(
    app: App, *, env: str = "", version: str = "", check: bool = False
) -> list[Status] | Checked | list[Whereabouts]:
    """Look at one environment, or at all; nothing is changed.

    With a version, say where that one is now. With `check`, insist that nothing drifted: for monitors.
    """
    environments = [env] if env else list(app.settings.environments)
    if version:
        return where_is(app, ArtifactId.parse(version), environments)
    statuses = _statuses(app, environments, check=check)
    return Checked(statuses) if check else statuses


def _statuses(app: App, environments: Sequence[str], *, check: bool) -> list[Status]:
    statuses = []
    for current in looked(app, environments, check=check):
        statuses.append(current)
        _show(app, current)
        if check:
            send_look(app, current)
    return statuses


def _show_beside(app: App, current: Status) -> None:
    """Warn of the stored artifact and the tag, with the way on."""
    if current.stored:
        app.screen.warn(f"{current.artifact} can't be deployed again: {current.stored}")
        again = commands.deploy_dev(current.environment, version=current.artifact, rerun=True)
        app.screen.say(f"to store it again, by its CI run: {again}")
    if current.tag:
        app.screen.warn(f"the tag of {current.artifact} on the remote: {current.tag}")
        app.screen.say(
            f"who moved it, Git's host knows; to ship under a new number: {commands.deploy_dev(current.environment)}"
        )


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
        app.screen.warn(f"no entry of the newest deployment can be read: {current.environment} may run another version")
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
    drifted = [unit for unit in current.units if unit.drift]
    if all(unit.edited for unit in drifted):
        return f"to have these files as they were deployed: {heal}"
    them = "it" if len(drifted) == 1 else "them"
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
        since = f"{word} since {moment(current.since)} UTC, by {person(current.who)}"
        app.screen.say(f"{current.environment}: {current.artifact}, {since}")
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
    _show_beside(app, current)
    if len(shown) < len(current.units):
        total = counted(len(current.units), current.units[0].noun)
        app.screen.say(f"{len(current.units) - len(shown)} of {total} run what is recorded")
    if current.artifact and not current.unfinished and is_down(current.units):
        app.screen.warn(
            f"no {current.units[0].noun} serves {current.artifact} now; it was healthy when it was deployed"
        )
    if (drifted or current.bad) and not current.unfinished:
        _show_the_way(app, current)
