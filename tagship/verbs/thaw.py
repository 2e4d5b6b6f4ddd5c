"""thaw: take a freeze away before its end."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.freeze import Frozen
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Interrupted, Refused
from tagship.ports.app import App


def thaw(app: App, *, env: str = "", yes: bool = False, dry_run: bool = False) -> Frozen | None:
    """Take the freeze of an environment away; somebody else's only when asked twice, or with `yes`.

    None where nothing is frozen: thawing twice is once.
    """
    environment = one_environment(app, env)
    found = app.freezes.look(environment)
    if found is None or not found.active:
        app.screen.say(f"{environment} is not frozen" + (f" ({found.summary})" if found else ""))
        return None
    app.screen.say(found.summary)
    if dry_run:
        app.screen.say(UNCHANGED)
        return found
    _agreed(app, environment, found, yes)
    app.freezes.remove(found)
    app.screen.say(f"{environment} is no longer frozen")
    return found


def _agreed(app: App, environment: str, found: Frozen, yes: bool) -> None:
    """Raises where it is somebody else's freeze and nobody says that it may go."""
    who = found.freeze.who
    if who == app.who or yes:
        return
    if not app.prompt.possible:
        raise Refused(
            f"The freeze is {who}'s.", remedy=f"Agree with {who}, then: {commands.thaw(environment, yes=True)}"
        )
    if not app.prompt.confirm(f"The freeze is {who}'s. Thaw {environment} anyway?"):
        raise Interrupted("Not thawed.", remedy=f"See it: {commands.lock(environment)}")
