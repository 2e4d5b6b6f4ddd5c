"""shell: a shell on a unit, by AWS's session-manager-plugin. What is done there, tagship does not know."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.text import either
from tagship.domain.units import Unit, noun_of
from tagship.engine.scope import chosen_units, one_environment
from tagship.errors import Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.logs import Enterable

PLUGIN = "session-manager-plugin"
OLDEST = (1, 2, 497)  # that takes the session from a variable: an argument could be read by anybody on this machine
INSTALL = either(
    "Install it. macOS: brew install --cask session-manager-plugin",
    "Debian and Ubuntu: curl -fsSo plugin.deb https://s3.amazonaws.com/session-manager-downloads/plugin/latest/"
    "ubuntu_64bit/session-manager-plugin.deb && sudo dpkg -i plugin.deb",
)


@dataclass(frozen=True)
class Entered:
    """The unit whose shell was left."""

    environment: str
    unit: str


def shell(app: App, *, env: str = "", unit: str = "") -> Entered:
    """Open a shell on a unit, until it is left.

    Raises UsageError without a terminal, Refused if something is missing.
    """
    environment = one_environment(app, env)
    if not app.prompt.possible:
        raise UsageError("A shell needs a terminal.", remedy=f"Read what it wrote: {commands.logs(environment)}")
    target = app.target(environment)
    units = chosen_units(target.units(), unit, "--unit")
    if not isinstance(target, Enterable):
        raise Refused(
            f"A {noun_of(units)} has no shell to enter.", remedy=f"Read what it wrote: {commands.logs(environment)}"
        )
    chosen = _only(units)
    if app.settings.sandbox:
        return _in_the_folder(app, environment, chosen, target)
    _require_plugin(app)
    session = target.enter(chosen)
    words = [PLUGIN, next(iter(session.opened)), session.region, "StartSession", app.settings.aws.profile]
    code = app.machine.attach([*words, json.dumps(dict(session.parameters)), session.endpoint], session.opened)
    if code:
        raise ServiceFailed(
            f"{PLUGIN} ended with exit code {code}.",
            state=f"tagship does not know what was done on {chosen.name}.",
            remedy=f"See what it runs: {commands.status(environment)}",
        )
    return Entered(environment, chosen.name)


def _in_the_folder(app: App, environment: str, unit: Unit, target: Enterable) -> Entered:
    """Open a shell in the folder that stands for a sandbox's host."""
    try:
        folder = target.enter(unit).folder
    except TagshipError:
        folder = ""
    if not folder:
        raise Refused(
            f"The sandbox has no shell on a {unit.noun}.", remedy=f"Read what it wrote: {commands.logs(environment)}"
        )
    app.screen.say(f"This is your own machine: a shell in {folder}, which stands for {unit.name}.")
    app.screen.say("Its app is in opt/ there; your files are all in reach, and so is what else runs here. Leave: exit")
    # A bash without a terminal of its own unsets PS1, so it is set for the one that has it.
    script = 'cd "$1" && PS1="SANDBOX $2$ " exec bash --noprofile --norc +O promptvars'
    app.machine.attach(["bash", "-c", script, "bash", folder, unit.name], {"HOME": f"{folder}/root"})
    return Entered(environment, unit.name)


def _only(units: list[Unit]) -> Unit:
    """Take the unit that is meant, if it can be reached."""
    if len(units) > 1:
        names = ", ".join(unit.name for unit in units[:10])
        raise UsageError(f"There are several: {names}.", remedy=f"Name one: --unit {units[0].name}")
    if not units[0].online:
        raise Refused(f"{units[0].name} can't be entered: {units[0].away}.", remedy="Start it, then try again")
    return units[0]


def _require_plugin(app: App) -> None:
    version = app.machine.version(PLUGIN)
    if not version:
        raise Refused(f"{PLUGIN} is not on this machine.", remedy=INSTALL)
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Refused(f"{PLUGIN} {version} is too old: {oldest} or later is needed.", remedy=INSTALL)
