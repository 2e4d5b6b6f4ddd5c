"""freeze: hold an environment, so that nothing is deployed to it until a given end."""

from __future__ import annotations

from functools import partial

from tagship.domain import commands
from tagship.domain.commands import BLANK
from tagship.domain.freeze import Freeze, Frozen
from tagship.domain.text import moment
from tagship.engine.freezing import (
    EXAMPLE,
    describe,
    end_of,
    etag_of,
    freeze_from,
    reason_of,
    reason_to_repeat,
)
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Held
from tagship.ports.app import App


def freeze(app: App, *, until: str, reason: str, env: str = "", dry_run: bool = False) -> Freeze:
    """Freeze an environment until a given end.

    Refuses while a freeze of it holds that is somebody else's.
    """
    environment = one_environment(app, env)
    again = partial(commands.freeze, environment, dry_run=dry_run)
    now = app.freezes.now()
    end = end_of(until, now, "--until", again(EXAMPLE, reason_to_repeat(reason)))
    why = reason_of(reason, again(until, BLANK))
    etag = _over(app, environment)
    wanted = freeze_from(app, environment, end, why, now)
    describe(app, wanted)
    if dry_run:
        app.screen.say(UNCHANGED)
        return wanted
    app.freezes.write(wanted, etag)
    app.screen.say(f"{Frozen(wanted, '', now).summary}")
    return wanted


def _over(app: App, environment: str) -> str:
    """Find the ETag of the freeze to replace; empty if none.

    One's own may be changed, as may one that nobody can read. Raises Held for somebody else's.
    """
    frozen, etag = etag_of(app, environment)
    if frozen and frozen.active and frozen.freeze.who != app.who:
        raise Held(f"{frozen.summary}.", remedy=f"Agree with {frozen.freeze.who}, then: {commands.thaw(environment)}")
    if frozen and frozen.active:
        app.screen.say(f"in place of your freeze until {moment(frozen.freeze.until)} UTC: {frozen.freeze.reason}")
    return etag
