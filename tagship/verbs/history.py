"""history: who made which environment run what, when, and what came of it; and what people say of versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from tagship.domain import commands
from tagship.domain.deployment import STATES, Deployment
from tagship.domain.history import as_data, state
from tagship.domain.mark import Mark
from tagship.domain.standing import Bad, bad_versions
from tagship.domain.text import counted, moment, seconds, span
from tagship.engine.plan import name_unreadable
from tagship.errors import UsageError
from tagship.ports.app import App

COLUMNS = ("WHEN (UTC)", "OUTCOME", "TOOK", "BY", "WHAT")  # a reason stands below its row
CI = re.compile(r"run \d+ \((.*)\)\Z")


@dataclass(frozen=True)
class Filters:
    """What is shown: all that is given must match. `who` is a part of the name, `since` the earliest time."""

    version: str = ""
    state: str = ""
    who: str = ""
    since: datetime | None = None

    @property
    def any(self) -> bool:
        return self != Filters()

    def shows(self, one: Deployment | Mark) -> bool:
        first = one if isinstance(one, Mark) else one.first
        return (
            self.version in {"", one.artifact_id}
            and self.state in {"", "" if isinstance(one, Mark) else one.state}
            and self.who.lower() in first.who.lower()
            and (self.since is None or datetime.fromisoformat(first.at) >= self.since)
        )


@dataclass(frozen=True)
class History:
    """Deployments and marks, each the newest first; `bad` is what is marked bad now, by environment and artifact."""

    deployments: Sequence[Deployment]
    marks: Sequence[Mark] = ()
    bad: Mapping[tuple[str, str], Bad] = field(default_factory=dict)

    def as_data(self) -> list[dict[str, object]]:
        """What `--json` prints: each deployment, why its version is marked bad now, and what people said of it."""
        return [
            {
                **one,
                "bad": found.why if (found := self.bad.get((str(one["environment"]), str(one["artifact"])))) else "",
                "marks": [asdict(mark) for mark in self.marks if _of(mark) == (one["environment"], one["artifact"])],
            }
            for one in as_data(self.deployments)
        ]


def _of(mark: Mark) -> tuple[str, str]:
    return mark.environment, mark.artifact_id


def history(
    app: App,
    *,
    env: str = "",
    limit: int = 20,
    version: str = "",
    state: str = "",
    who: str = "",
    since: str = "",
    rebuild_index: bool = False,
) -> History:
    """The latest deployments of one environment or of all, the newest first; all where none is named."""
    if limit < 0:
        raise UsageError(
            f"Invalid --limit {limit}: it can't be negative.", remedy="Use a number, or 0 for all: --limit 20"
        )
    filters = Filters(version, _state(state), who, _since(since, app.store.now))
    environments = [env] if env else list(app.settings.environments)
    deployments, marks, bad = list[Deployment](), list[Mark](), dict[tuple[str, str], Bad]()
    for one in environments:
        app.settings.environment(one)
        if rebuild_index:
            app.screen.say(f"{one}: rebuilt the ledger's index ({counted(app.ledger.rebuild_index(one), 'segment')})")
        count = limit + 1 if limit and not filters.any else 0  # one more than is shown: are there older ones?
        ours, said = app.ledger.deployments(one, count), app.ledger.marks(one)
        name_unreadable(app, one)
        bad.update({(one, artifact): found for artifact, found in bad_versions(ours, said).items()})
        deployments += filter(filters.shows, ours)
        marks += filter(filters.shows, said)
    found = _newest(deployments, marks, limit)
    _show(app, History(*found, bad), nothing="Nothing matches." if filters.any else NOTHING)
    if len(found[0]) < len(deployments):
        every = commands.history(env, version=version, state=state, who=who, since=since, limit="0")
        app.screen.say(f"older ones: {every}")
    return History(found[0], marks, bad)


NOTHING = f"Nothing was ever deployed. Ship a version: {commands.deploy_dev()}"


def _state(text: str) -> str:
    if text and text not in STATES:
        raise UsageError(
            f"Invalid --state {text!r}: no deployment has it.", remedy=f"Use one of these: --state {'|'.join(STATES)}"
        )
    return text


def _since(text: str, now: Callable[[], datetime]) -> datetime | None:
    """A day, a time (UTC where it does not say), or how long ago: 2026-11-20, 2026-11-20T15:53, 12h, 7d."""
    if not text:
        return None
    age = None if text.isdigit() else seconds(text)
    try:
        at = datetime.fromisoformat(text) if age is None else now() - timedelta(seconds=age)
    except (ValueError, OverflowError):
        raise UsageError(
            f"Invalid --since {text!r}.", remedy="Use a day, a time, or an age: --since 2026-11-20, --since 7d"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _newest(
    deployments: Sequence[Deployment], marks: Sequence[Mark], limit: int
) -> tuple[list[Deployment], list[Mark]]:
    """The newest `limit` deployments (0: all), and the marks made since the oldest of them; the newest first."""
    ordered = sorted(deployments, key=lambda one: one.id, reverse=True)
    shown = ordered[:limit] if limit else ordered
    oldest = shown[-1].id if len(shown) < len(ordered) else ""
    return shown, sorted((one for one in marks if one.id > oldest), key=lambda one: one.id, reverse=True)


def _show(app: App, found: History, nothing: str) -> None:
    story: list[Deployment | Mark] = [*found.deployments, *found.marks]
    if not story:
        app.screen.say(nothing)
        return
    newest = sorted(story, key=lambda one: one.id, reverse=True)
    app.screen.table(COLUMNS, [row for one in newest for row in (_said(one) if isinstance(one, Mark) else _rows(one))])


def _said(one: Mark) -> list[list[str]]:
    what = f"mark-{one.verdict} {one.artifact_id} on {one.environment}"
    return [[moment(one.at), one.verdict, "", _by(one.who), what], [one.reason]]


def _rows(one: Deployment) -> list[list[str]]:
    """Lay out a deployment: a row for it, and one for the reason if it has one."""
    first, last = one.first, one.last
    took = span(one.seconds) if one.ended else ""
    what = f"{first.action} {one.label} on {first.environment}"
    rows = [[moment(first.at), state(one), took, _by(first.who), what]]
    return [*rows, [last.reason]] if last.reason else rows


def _by(who: str) -> str:
    """A person and a place; of a CI run, whose push it was."""
    run = CI.match(who)
    return f"{run[1]}, CI" if run else who
