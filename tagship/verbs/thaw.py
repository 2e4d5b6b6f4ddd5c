"""thaw: take a freeze away before its end."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.freeze import Frozen
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Interrupted, Refused
from tagship.ports.app import App


def thaw(app: App, *, env: str = "", yes: bool = False, dry_run: bool = False) -> Frozen | None:
    """Take the freeze of an environment away.

    Somebody else's goes only when asked twice, or with `yes`.
    None where nothing is frozen: thawing twice is once.
    """
    environment = one_environment(app, env)
    frozen = app.freezes.look(environment)
    if frozen is None or not frozen.active:
        app.screen.say(f"{environment} is not frozen" + (f" ({frozen.summary})" if frozen else ""))
        return None
    app.screen.say(f"To be thawed: {frozen.summary}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return frozen
    _agreed(app, environment, frozen, yes)
    app.freezes.remove(frozen)
    app.screen.say(f"{environment} is no longer frozen")
    return frozen


def _agreed(app: App, environment: str, frozen: Frozen, yes: bool) -> None:
    """Require agreement to take somebody else's freeze away.

    Raises Refused or Interrupted unless somebody says that it may go.
    """
    who = frozen.freeze.who
    if who == app.who or yes:
        return
    if not app.prompt.possible:
        raise Refused(
            f"The freeze is {who}'s.", remedy=f"Agree with {who}, then: {commands.thaw(environment, yes=True)}"
        )
    if not app.prompt.confirm(f"The freeze is {who}'s. Thaw {environment} anyway?"):
        raise Interrupted("Not thawed.", remedy=f"See it: {commands.lock(environment)}")
