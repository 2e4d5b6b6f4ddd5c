"""freeze: hold an environment, so that nothing is deployed to it until a given end."""

from __future__ import annotations

from datetime import UTC, datetime

from tagship.domain import commands
from tagship.domain.freeze import GRAMMAR, LONGEST, REASON, Freeze, FreezeUnreadable, Frozen, ends
from tagship.domain.text import moment, span
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Held, UsageError
from tagship.ports.app import App


def freeze(app: App, *, until: str, reason: str, env: str = "", dry_run: bool = False) -> Freeze:
    """Freeze an environment; refuses while somebody's freeze of it holds that would end later or is another's."""
    environment = one_environment(app, env)
    why = _reason(reason, environment)
    now = app.freezes.now()
    end = _end(until, now, environment)
    there = _over(app, environment)
    wanted = Freeze(environment, _iso(end), why, app.who, _iso(now))
    app.screen.say(f"freeze {environment} until {moment(end)} UTC, in {span((end - now).total_seconds())}: {why}")
    app.screen.say("  deploys and promotions wait for its end; a rollback does not")
    if dry_run:
        app.screen.say(UNCHANGED)
        return wanted
    app.freezes.write(wanted, there)
    app.screen.say(f"{Frozen(wanted, '', now).told}")
    return wanted


def _reason(text: str, environment: str) -> str:
    why = " ".join(text.split())
    if not why or len(why) > REASON or not why.isprintable():
        problem = (
            f"is longer than {REASON} characters"
            if len(why) > REASON
            else "is missing"
            if not why
            else "has control characters"
        )
        raise UsageError(
            f"The reason for the freeze {problem}.",
            remedy=f"Say why, in one line: {commands.freeze(environment, '8h', 'the sale')}",
        )
    return why


def _end(text: str, now: datetime, environment: str) -> datetime:
    """The moment meant; raises UsageError for what is none, has passed, or is more than a year away."""
    end = ends(text, now)
    problem = ""
    if end is None:
        problem = f"Invalid --until {text!r}" if text else "No end is given"
    elif end <= now:
        problem = f"{moment(end)} UTC has passed: the bucket's clock says {moment(now)} UTC"
    elif end - now > LONGEST:
        problem = f"{moment(end)} UTC is more than a year away"
    if end is None or problem:
        raise UsageError(
            f"{problem}.",
            remedy=f"Give one of {GRAMMAR}: {commands.freeze(environment, '8h', 'the sale')}",
        )
    return end


def _over(app: App, environment: str) -> str:
    """The ETag of the freeze that is written over, empty where there is none. One's own may be changed, as may one that
    nobody can read; somebody else's is theirs."""
    try:
        found = app.freezes.look(environment)
    except FreezeUnreadable as reason:
        app.screen.warn(reason.what)
        return reason.etag
    if found and found.active and found.freeze.who != app.who:
        raise Held(f"{found.told}.", remedy=f"Agree with {found.freeze.who}, then: {commands.thaw(environment)}")
    return found.etag if found else ""


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
