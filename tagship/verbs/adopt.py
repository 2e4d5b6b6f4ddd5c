"""adopt: take over hosts that ran the app before tagship, and lead back to that.

What ran is stopped and kept; nothing is deleted. `.env` becomes the host's `.env.local`, whose variables every release
gets. From then on nothing serves until the first deployment, so it asks first. Who may do this may run anything on the
hosts, as for `pin`. The environment's lease is held meanwhile: no deployment runs beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.inspection import Inspection, inspection_of
from tagship.domain.text import counted, listed
from tagship.domain.units import Report, Unit, away_sentence, noun_of
from tagship.engine.exclusive import exclusive
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Interrupted, Refused, ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.target import Adoptable


@dataclass(frozen=True)
class Adopted:
    """The units that were taken over, or given back, by name."""

    environment: str
    undo: bool
    units: Sequence[str]
    done: bool

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def adopt(app: App, *, env: str = "", undo: bool = False, yes: bool = False, dry_run: bool = False) -> Adopted:
    """Stop and keep what ran on an environment's units before tagship.

    With `undo`, what tagship deployed is stopped and kept, and that starts again. Raises Refused if a unit can't be
    reached, and ServiceFailed, with how each is left, if one did not do it.
    """
    environment = one_environment(app, env)
    target = app.target(environment)
    if not isinstance(target, Adoptable):
        raise UsageError(f"{environment} has no hosts to adopt.", remedy=f"Look at it: {commands.status()}")
    again = commands.adopt(environment, undo=undo)
    units = _reachable(target, again)
    chosen = _chosen(app, target, units, again, undo=undo)
    names = [unit.name for unit in chosen]
    if not chosen:
        app.screen.say(f"Nothing {'was adopted' if undo else 'ran before tagship'} on {listed(_names(units))}.")
        return Adopted(environment, undo, names, done=True)
    if dry_run:
        app.screen.say(UNCHANGED)
        return Adopted(environment, undo, names, done=False)
    _ask(app, environment, chosen, undo=undo, yes=yes)
    with exclusive(app, environment, "adopt", wait=0.0, again=again):
        doing = "giving back" if undo else "adopting"
        with app.screen.live(f"{doing} {counted(len(chosen), noun_of(chosen))}") as phase:
            reports = target.adopt(chosen, phase, undo=undo)
    _check(environment, chosen, reports, again)
    _say_next(app, environment, undo=undo)
    return Adopted(environment, undo, names, done=True)


def _reachable(target: Adoptable, again: str) -> Sequence[Unit]:
    """Require every unit: half an environment that was adopted is none."""
    units = target.units()
    away = [unit for unit in units if not unit.online]
    if away:
        raise Refused(f"Not every host can be reached: {away_sentence(away)}.", remedy=f"Fix that, then: {again}")
    return units


def _chosen(app: App, target: Adoptable, units: Sequence[Unit], again: str, *, undo: bool) -> Sequence[Unit]:
    """Choose the units that need it, and show what is done there."""
    reports = target.inspect(units, lambda _: None)
    _require_answers(units, reports, again)
    seen = {report.unit: inspection_of(report.facts) for report in reports}
    chosen = [unit for unit in units if (seen[unit.id].adopted != "no" if undo else seen[unit.id].before)]
    for unit in chosen:
        _show(app, unit, seen[unit.id], undo=undo)
    return chosen


def _require_answers(units: Sequence[Unit], reports: Sequence[Report], again: str) -> None:
    names = _by_id(units)
    silent = [f"{names[report.unit]} ({report.reason})" for report in reports if not report.good]
    if silent:
        raise ServiceFailed(f"Could not look at {listed(silent)}.", remedy=f"Fix that, then: {again}")


def _show(app: App, unit: Unit, host: Inspection, *, undo: bool) -> None:
    folder = f"/opt/{app.settings.app}"
    if undo:
        app.screen.say(f"{unit.name}: what tagship deployed is stopped and kept; what ran before starts again")
        return
    app.screen.say(f"{unit.name}: {host.in_the_way or 'its adoption was cut off'}")
    for name in (*host.units, *host.containers):
        app.screen.say(f"  {name} is stopped, no longer starts at boot, and is kept")
    if host.files:
        app.screen.say(f"  {folder} becomes {folder}.before-tagship, with all that is in it")
    if ".env" in host.files:
        app.screen.say(f"  .env becomes {folder}/.env.local: every release gets its variables")
    for name in host.users:
        app.screen.say(f'  it ran as {name}: user = "{name}" in tagship.toml, if its data is to stay that account\'s')
    _show_folders(app, host)


def _show_folders(app: App, host: Inspection) -> None:
    """Show what of its folders the settings would say."""
    if host.proposed:
        app.screen.say("  its folders, for tagship.toml (leave out those that are code):")
        app.screen.say("    volumes = [")
        for line in host.proposed:
            app.screen.say(f"      {line},")
        app.screen.say("    ]")
    for name in host.unmapped:
        app.screen.say(f"  {name} can't be a volume: put what the app needs of it elsewhere")


def _ask(app: App, environment: str, units: Sequence[Unit], *, undo: bool, yes: bool) -> None:
    again = commands.adopt(environment, undo=undo, yes=True)
    if not undo:
        app.screen.say("Nothing serves from then on, until the first deployment is healthy.")
    if yes:
        return
    if not app.prompt.possible:
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again}")
    if not app.prompt.confirm(f"{'Give back' if undo else 'Adopt'} {listed(_names(units))}?"):
        raise Interrupted("Not confirmed.", remedy=f"When it is time: {again}")


def _check(environment: str, units: Sequence[Unit], reports: Sequence[Report], again: str) -> None:
    """Raise ServiceFailed if a unit did not do it."""
    names = _by_id(units)
    left = [f"{names[report.unit]} ({report.reason})" for report in reports if not report.good]
    if left:
        raise ServiceFailed(
            f"It is not done on {len(left)} of {counted(len(units), noun_of(units))}: {listed(left)}.",
            state=f"It is done on the others. Each host of {environment} keeps a record of what ran before.",
            remedy=f"Fix that, then again: {again}",
        )


def _say_next(app: App, environment: str, *, undo: bool) -> None:
    if undo:
        app.screen.say("What ran before runs again; what tagship deployed is kept beside it.")
        return
    app.screen.say(f"Ship a version: {commands.deploy_dev(environment)}")
    app.screen.say(f"Back to what ran before, at any time: {commands.adopt(environment, undo=True)}")


def _names(units: Sequence[Unit]) -> list[str]:
    return [unit.name for unit in units]


def _by_id(units: Sequence[Unit]) -> Mapping[str, str]:
    return {unit.id: unit.name for unit in units}
