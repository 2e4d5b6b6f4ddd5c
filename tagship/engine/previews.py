"""Environments of pull requests: refused if theirs is closed, recorded before they are made, and taken away again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tagship.domain import commands, layout
from tagship.domain.preview import CLOSED, CLOSING, OPEN, PreviewRecord
from tagship.domain.text import counted, either
from tagship.engine.exclusive import exclusive
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.account import ToolFailed
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.settings.previews import filled, number_of

ROUNDS = 5  # how often a lost race is run again


def preview_number(app: App, environment: str) -> int:
    """Return the pull request of an environment; 0 if it is none's."""
    return number_of(environment) if app.settings.is_preview(environment) else 0


def environment_of(app: App, pr: str) -> str:
    """Name the environment of `--pr 51`. Raises UsageError."""
    if not app.settings.previews.environment:
        raise UsageError(
            "tagship.toml has no [previews.environment], so no pull request has an environment.",
            remedy="Add one; docs/previews.md says what it holds",
        )
    if not number_of(f"pr-{pr}"):
        raise UsageError(f"Invalid --pr {pr!r}: it is a pull request's number.", remedy="Such as: --pr 51")
    return f"pr-{pr}"


# -- deploying to one --------------------------------------------------------------------------------------------------


def require_open(app: App, environment: str) -> None:
    """Refuse a pull request that is closed; record the rest as open.

    Asked under the lease: who closes it waits for that, and takes away what was recorded.
    """
    number = preview_number(app, environment)
    if not number:
        return
    state = app.forge.pull_request(number) if app.forge else ""
    if state and state != OPEN:
        raise Refused(
            f"Pull request {number} is {state}: nothing is deployed to {environment} any longer.",
            remedy=either(f"Take away what is there: {commands.preview_close(str(number))}", "Or open it again"),
        )
    if not state:
        app.screen.warn(f"whether pull request {number} is open is not known: there is no token to ask GitHub with")
    _open(app, environment, number)


def _open(app: App, environment: str, number: int) -> None:
    now = app.store.now().isoformat(timespec="seconds")
    before = find(app, environment)
    if before is None or not before.lives:
        _check_limit(app, environment)
    since = before.since if before and before.lives else now
    write(app, PreviewRecord(app.settings.app, environment, number, OPEN, since, now, app.who, app.run_url))


def _check_limit(app: App, environment: str) -> None:
    limit = app.settings.previews.limit
    living = [record for record in records(app).values() if record.lives and record.environment != environment]
    if len(living) >= limit:
        raise Refused(
            f"{counted(len(living), 'preview')} are open, and previews.limit is {limit}.",
            remedy=either(f"Close those that are over: {commands.preview_sweep()}", "Or raise previews.limit"),
        )


# -- records -----------------------------------------------------------------------------------------------------------


def find(app: App, environment: str) -> PreviewRecord | None:
    """Read a preview's record; None without a readable one."""
    stored = app.store.get(layout.preview(app.settings.app, environment))
    return PreviewRecord.read(stored.body) if stored else None


def records(app: App) -> Mapping[str, PreviewRecord]:
    """Read the record of every preview, by its environment."""
    prefix = layout.previews(app.settings.app)
    names = [entry.key.removeprefix(prefix).removesuffix(".json") for entry in app.store.list(prefix)]
    read = {name: find(app, name) for name in names}
    return {name: record for name, record in read.items() if record}


def write(app: App, record: PreviewRecord) -> None:
    """Write a record over the one that is there. Raises ServiceFailed."""
    key = layout.preview(app.settings.app, record.environment)
    for _ in range(ROUNDS):
        stored = app.store.get(key)
        try:
            if stored:
                app.store.replace(key, record.to_json(), stored.etag)
            else:
                app.store.create(key, record.to_json())
            return
        except Conflict:
            continue
    raise ServiceFailed(
        f"The record of {record.environment} changes all the time.",
        remedy=f"See who works on it: {commands.lock(record.environment)}",
    )


# -- taking one away ---------------------------------------------------------------------------------------------------


def close(app: App, environment: str, *, wait: float) -> str:
    """Take a preview away; say how it ended: closed, or was-closed.

    It waits for a deployment that runs. Cut off, it is finished by the next one.
    """
    number = number_of(environment)
    again = commands.preview_close(str(number))
    with exclusive(app, environment, f"closing {environment}", wait=wait, again=again):
        record = find(app, environment)
        if record and not record.lives:
            return "was-closed"
        now = app.store.now().isoformat(timespec="seconds")
        record = record or PreviewRecord(app.settings.app, environment, number, OPEN, now, now, app.who, app.run_url)
        write(app, replace(record, state=CLOSING, who=app.who, run=app.run_url))
        _remove(app, environment, number, again)
        write(app, replace(record, state=CLOSED, since=now, who=app.who, run=app.run_url))
    return CLOSED


def _remove(app: App, environment: str, number: int, again: str) -> None:
    """Run the team's own tool. Raises ServiceFailed."""
    command = filled(app.settings.previews.remove, number)
    if not command:
        app.screen.say(f"there is no previews.remove: what {environment} runs on is left as it is")
        return
    app.screen.say(f"removing {environment}: {' '.join(command)}")
    names = {"ENVIRONMENT": environment, "PR_NUMBER": str(number), "DEPLOYMENT_BUCKET": app.store.bucket}
    try:
        app.infrastructure(environment).run(command, names)
    except ToolFailed as reason:
        raise ServiceFailed(
            f"{command[0]} failed with exit code {reason.code}, so {environment} is not closed.",
            state=f"{environment} is recorded as closing: part of it may be gone.",
            remedy=f"Fix that, then go on: {again}",
            evidence=reason.said,
        ) from reason
