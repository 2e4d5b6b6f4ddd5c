"""freeze: hold an environment, so that nothing is deployed to it until a given end."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.freeze import Freeze, Frozen
from tagship.domain.text import moment
from tagship.engine.freezing import describe, end_of, etag_of, freeze_from, reason_of
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Held
from tagship.ports.app import App


def freeze(app: App, *, until: str, reason: str, env: str = "", dry_run: bool = False) -> Freeze:
    """Freeze an environment; refuses while somebody's freeze of it holds that would end later or is another's."""
    environment = one_environment(app, env)
    example = commands.freeze(environment, "8h", "the sale")
    why = reason_of(reason, example)
    now = app.freezes.now()
    end = end_of(until, now, "--until", example)
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
    """The ETag of the freeze that is written over, empty if there is none. One's own may be changed, as may one that
    nobody can read; somebody else's is theirs."""
    found, etag = etag_of(app, environment)
    if found and found.active and found.freeze.who != app.who:
        raise Held(f"{found.summary}.", remedy=f"Agree with {found.freeze.who}, then: {commands.thaw(environment)}")
    if found and found.active:
        app.screen.say(f"in place of your freeze until {moment(found.freeze.until)} UTC: {found.freeze.reason}")
    return etag
