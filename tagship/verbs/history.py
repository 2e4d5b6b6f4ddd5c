"""history: who made which environment run what, when, and what came of it; and what people say of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from tagship.domain import commands
from tagship.domain.deployment import STATES, Deployment
from tagship.domain.history import as_data, person, state
from tagship.domain.history import evidence as recorded_evidence
from tagship.domain.mark import Mark
from tagship.domain.standing import Bad, bad_versions
from tagship.domain.text import counted, moment, quoted, span
from tagship.engine.abreast import Missed, abreast, insist
from tagship.engine.period import since_when
from tagship.engine.plan import name_unreadable
from tagship.engine.trail import require_as_written
from tagship.errors import UsageError
from tagship.ports.app import App

COLUMNS = ("WHEN (UTC)", "OUTCOME", "TOOK", "BY", "WHAT")  # a reason stands below its row


@dataclass(frozen=True)
class Filters:
    """What is shown: all that is given must match.

    `who` is a part of the name, `since` the earliest time.
    """

    version: str = ""
    state: str = ""
    who: str = ""
    since: datetime | None = None

    @property
    def any(self) -> bool:
        return self != Filters()

    def shows(self, entry: Deployment | Mark) -> bool:
        first = entry if isinstance(entry, Mark) else entry.first
        return (
            self.version in {"", entry.artifact_id}
            and self.state in {"", "" if isinstance(entry, Mark) else entry.state}
            and self.who.lower() in first.who.lower()
            and (self.since is None or datetime.fromisoformat(first.at) >= self.since)
        )


@dataclass(frozen=True)
class History:
    """Deployments and marks, each the newest first.

    `bad` is what is marked bad now, by environment and artifact.
    """

    deployments: Sequence[Deployment]
    marks: Sequence[Mark] = ()
    bad: Mapping[tuple[str, str], Bad] = field(default_factory=dict)
    missed: Sequence[Missed] = ()

    def insist(self) -> None:
        """Raise ServiceFailed if an environment's ledger could not be read."""
        insist(self.missed)

    def as_data(self) -> list[dict[str, object]]:
        """Return what `--json` prints, a record for each deployment.

        Each has why its version is marked bad now, and what people said of it.
        """
        return [
            {
                **entry,
                "bad": bad.why if (bad := self.bad.get((str(entry["environment"]), str(entry["artifact"])))) else "",
                "marks": [
                    asdict(mark) for mark in self.marks if _of(mark) == (entry["environment"], entry["artifact"])
                ],
            }
            for entry in as_data(self.deployments)
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
    evidence: bool = False,
    rebuild_index: bool = False,
    verify: bool = False,
) -> History:
    """Show the latest deployments, the newest first.

    Those of one environment, or of all if none is named. With `verify` the ledger is held against its chain first.
    Raises NotAuthentic if it is not what was written.
    """
    if limit < 0:
        raise UsageError(
            f"Invalid --limit {limit}: it can't be negative.", remedy="Use a number, or 0 for all: --limit 20"
        )
    filters = Filters(version, _state(state), who, since_when(since, app.store.now))
    environments = [env] if env else list(app.settings.environments)
    for environment in environments:
        app.settings.environment(environment)
    count = limit + 1 if limit and not filters.any else 0  # one more than is shown: are there older ones?
    deployments, marks, bad, missed = list[Deployment](), list[Mark](), dict[tuple[str, str], Bad](), list[Missed]()
    reading = _Reading(count, rebuild_index=rebuild_index, verify=verify)
    for environment, ours, statements in abreast(app, environments, reading.read, missed):
        bad.update({(environment, artifact): verdict for artifact, verdict in bad_versions(ours, statements).items()})
        deployments += filter(filters.shows, ours)
        marks += filter(filters.shows, statements)
    newest = _newest(deployments, marks, limit)
    _show(app, History(*newest, bad), nothing=_nothing(filters, missed))
    if evidence:
        _show_evidence(app, newest[0])
    if len(newest[0]) < len(deployments):
        every = commands.history(env, version=version, state=state, who=who, since=since, limit="0", evidence=evidence)
        app.screen.say(f"older ones: {every}")
    return History(newest[0], marks, bad, missed)


@dataclass(frozen=True)
class _Reading:
    """What is read of each environment; a `count` of 0 is all."""

    count: int
    rebuild_index: bool
    verify: bool

    def read(self, app: App, environment: str) -> tuple[str, Sequence[Deployment], Sequence[Mark]]:
        if self.verify:
            require_as_written(app, environment)
        if self.rebuild_index:
            segments = counted(app.ledger.rebuild_index(environment), "segment")
            app.screen.say(f"{environment}: rebuilt the ledger's index ({segments})")
        deployments = app.ledger.deployments(environment, self.count)
        marks = app.ledger.marks(environment)
        name_unreadable(app, environment)
        return environment, deployments, marks


NOTHING = f"Nothing was ever deployed. Ship a version: {commands.deploy_dev()}"


def _nothing(filters: Filters, missed: Sequence[Missed]) -> str:
    """Say that nothing is there, as far as could be read."""
    if missed:
        return f"{'Nothing matches' if filters.any else 'Nothing was deployed'}, as far as could be read."
    return "Nothing matches." if filters.any else NOTHING


def _state(text: str) -> str:
    if text and text not in STATES:
        raise UsageError(
            f"Invalid --state {text!r}: no deployment has it.", remedy=f"Use one of these: --state {'|'.join(STATES)}"
        )
    return text


def _newest(
    deployments: Sequence[Deployment], marks: Sequence[Mark], limit: int
) -> tuple[list[Deployment], list[Mark]]:
    """Choose the newest deployments, and the marks since the oldest of them.

    `limit` of them (0: all); the newest first.
    """
    ordered = sorted(deployments, key=lambda entry: entry.id, reverse=True)
    shown = ordered[:limit] if limit else ordered
    oldest = shown[-1].id if len(shown) < len(ordered) else ""
    return shown, sorted((entry for entry in marks if entry.id > oldest), key=lambda entry: entry.id, reverse=True)


def _show(app: App, shown: History, nothing: str) -> None:
    story: list[Deployment | Mark] = [*shown.deployments, *shown.marks]
    if not story:
        app.screen.say(nothing)
        return
    newest = sorted(story, key=lambda entry: entry.id, reverse=True)
    app.screen.table(
        COLUMNS, [row for entry in newest for row in (_said(entry) if isinstance(entry, Mark) else _rows(entry))]
    )


def _show_evidence(app: App, deployments: Sequence[Deployment]) -> None:
    """Show what each deployment recorded of its failure, the newest first."""
    shown = [(deployment, text) for deployment in deployments if (text := recorded_evidence(deployment))]
    for deployment, text in shown:
        app.screen.say(f"\n{deployment.label} on {deployment.first.environment}, {moment(deployment.first.at)} UTC:")
        app.screen.say(quoted(text))
    if deployments and not shown:
        app.screen.say("None of these deployments has recorded evidence of a failure.")


def _said(mark: Mark) -> list[list[str]]:
    action = f"mark-{mark.verdict} {mark.artifact_id} on {mark.environment}"
    return [[moment(mark.at), mark.verdict, "", person(mark.who), action], [mark.reason]]


def _rows(deployment: Deployment) -> list[list[str]]:
    """Lay out a deployment: its row, and one for its reason."""
    first, last = deployment.first, deployment.last
    took = span(deployment.seconds) if deployment.ended else ""
    action = " ".join(filter(None, [first.action, deployment.label, "on", first.environment]))
    rows = [[moment(first.at), state(deployment), took, person(first.who), action]]
    return [*rows, [last.reason]] if last.reason else rows
