"""Freeze an environment: the end and the reason checked, and whose freeze may be written over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tagship.domain import commands
from tagship.domain.commands import BLANK
from tagship.domain.freeze import GRAMMAR, LONGEST, REASON, Freeze, FreezeUnreadable, Frozen, ends
from tagship.domain.plan import Plan
from tagship.domain.text import moment, span
from tagship.errors import UNCHANGED, Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports.app import App

EXAMPLE = "8h"  # the end that a remedy has in place of a wrong one


def end_of(text: str, now: datetime, flag: str, again: str) -> datetime:
    """Parse the end that a person typed.

    Raises UsageError if it can't be read, has passed, or is more than a year away.
    `flag` is where it was typed, `again` the same command with a good one.
    """
    end = ends(text, now)
    problem = ""
    if end is None:
        problem = f"Invalid {flag} {text!r}" if text else "No end is given"
    elif end <= now:
        problem = f"{moment(end)} UTC has passed: the bucket's clock says {moment(now)} UTC"
    elif end - now > LONGEST:
        problem = f"{moment(end)} UTC is more than a year away"
    if end is None or problem:
        raise UsageError(f"{problem}.", remedy=f"Give one of {GRAMMAR}: {again}")
    return end


def reason_of(text: str, again: str, of: str = "the freeze") -> str:
    """Put the reason on one line.

    Raises UsageError if it is missing, too long, or has control characters. `again` is the same command with a blank
    for it.
    """
    why, problem = _read_reason(text)
    if problem:
        raise UsageError(f"The reason for {of} {problem}.", remedy=f"Say why, in one line: {again}")
    return why


def reason_to_repeat(text: str) -> str:
    """Keep a person's reason for a remedy; BLANK if it is wrong."""
    why, problem = _read_reason(text)
    return BLANK if problem else why


def is_blank(reason: str) -> bool:
    """Tell whether a reason says nothing: BLANK, as a remedy has it."""
    return not reason.strip(BLANK + ". ")


def _read_reason(text: str) -> tuple[str, str]:
    """Put a reason on one line; also returns its fault."""
    why = " ".join(text.split())
    if is_blank(why):
        return why, "is missing"
    if len(why) > REASON:
        return why, f"is longer than {REASON} characters"
    return why, "" if why.isprintable() else "has control characters"


def freeze_from(app: App, environment: str, end: datetime, reason: str, now: datetime) -> Freeze:
    """Make one's own freeze from now until that end."""
    return Freeze(environment, _iso(end), reason, app.who, _iso(now))


@dataclass(frozen=True)
class Hold:
    """The freeze that somebody wants before a rollback.

    As it was typed, its end, and the store's time of that.
    """

    until: str
    reason: str
    end: datetime
    now: datetime

    def on(self, app: App, plan: Plan) -> Freeze:
        """Make the freeze of the plan's environment."""
        return freeze_from(app, plan.environment, self.end, self.why(plan), self.now)

    def why(self, plan: Plan) -> str:
        return self.reason or f"rollback to {plan.artifact_id}"


def hold_of(app: App, until: str, reason: str, again: Callable[[str, str], str]) -> Hold | None:
    """Parse the freeze that is wanted; None for no end.

    Raises UsageError for an end or a reason that can't be right. `again` spells the same command with an end and a
    reason.
    """
    mended = again(EXAMPLE, reason_to_repeat(reason) if reason else "")
    if not until:
        if reason:
            raise UsageError("--reason needs --freeze: it is the reason for the freeze.", remedy=f"Give both: {mended}")
        return None
    now = app.freezes.now()
    end = end_of(until, now, "--freeze", mended)
    why = reason_of(reason, again(until, BLANK)) if reason else ""
    return Hold(until, why, end, now)


def describe(app: App, wanted: Freeze) -> None:
    """Say what will be frozen, and what that means."""
    left = datetime.fromisoformat(wanted.until) - datetime.fromisoformat(wanted.at)
    until = f"until {moment(wanted.until)} UTC, in {span(left.total_seconds())}"
    app.screen.say(f"freeze {wanted.environment} {until}: {wanted.reason}")
    app.screen.say("  until then deploys are refused, and rollbacks are not")


def etag_of(app: App, environment: str) -> tuple[Frozen | None, str]:
    """Find the freeze that exists, and the ETag to write over.

    For one that nobody can read, it is None with an ETag.
    """
    try:
        frozen = app.freezes.look(environment)
    except FreezeUnreadable as reason:
        app.screen.warn(reason.what)
        return None, reason.etag
    return frozen, frozen.etag if frozen else ""


def freeze_before(app: App, wanted: Freeze, without: str) -> str:
    """Freeze an environment before its units act.

    Returns who froze it until when.
    A freeze that ends later, and any of somebody else's, stays as it is. `without` is the command that does without.
    """
    try:
        frozen, etag = etag_of(app, wanted.environment)
        if frozen and frozen.active and _stays(app, frozen, wanted):
            return frozen.summary
        app.freezes.write(wanted, etag)
    except (Refused, ServiceFailed) as reason:
        raise type(reason)(
            f"{wanted.environment} could not be frozen: {reason.what}",
            state=reason.state,
            remedy=f"Go on without the freeze: {without}",
        ) from reason
    summary = Frozen(wanted, "", app.freezes.now()).summary
    app.screen.say(summary)
    return summary


def _stays(app: App, frozen: Frozen, wanted: Freeze) -> bool:
    """Tell whether the existing freeze stays; if so, say it."""
    sooner = datetime.fromisoformat(frozen.freeze.until) < datetime.fromisoformat(wanted.until)
    if sooner and frozen.freeze.who == app.who:
        return False
    app.screen.say(f"{frozen.summary} (it stays as it is)")
    if sooner:
        app.screen.warn(f"that ends before {moment(wanted.until)} UTC, and is {frozen.freeze.who}'s to change")
    return True


@contextmanager
def said_to_stay(environment: str, summary: str) -> Iterator[None]:
    """Say in any error that the freeze set before stays."""
    try:
        yield
    except TagshipError as reason:
        stays = f"{summary}; that stays (to end it: {commands.thaw(environment)})."
        if reason.state.startswith(UNCHANGED):
            reason.state = f"{stays} Nothing else was changed.{reason.state.removeprefix(UNCHANGED)}"
        else:
            reason.state = f"{reason.state} {stays}"
        raise


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
