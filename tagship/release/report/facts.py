"""What a report shows, gathered: environments now, deployments of the period, figures, artifacts, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tagship.domain import layout
from tagship.domain.deployment import FAILED, Deployment
from tagship.domain.history import evidence, outcome
from tagship.domain.metrics import Metrics, metrics
from tagship.domain.standing import Bad, bad_versions
from tagship.engine.abreast import Missed, abreast
from tagship.engine.plan import name_unreadable
from tagship.engine.statuses import Status, looked
from tagship.errors import ServiceFailed
from tagship.ports.app import App

SHOWN = 20  # artifacts and failures of an environment


@dataclass(frozen=True)
class ArtifactHealth:
    """A stored or deployed artifact.

    `size` is in bytes, of all its objects; 0: it is not stored.
    """

    environment: str
    version: str
    state: str
    at: str = ""
    size: int = 0


@dataclass(frozen=True)
class Failure:
    """A deployment that failed, with what was said then."""

    deployment: Deployment
    words: str
    evidence: str


@dataclass(frozen=True)
class ReportFacts:
    """All that the page shows.

    `problem`: why the environments are not all there.
    """

    app: str
    made: datetime
    since: datetime
    statuses: Sequence[Status]
    figures: Sequence[Metrics]
    deployments: Sequence[Deployment]  # of the period, the oldest first
    artifacts: Sequence[ArtifactHealth]
    failures: Sequence[Failure]
    stored: Mapping[str, int] = field(default_factory=dict)  # environment -> bytes
    problem: str = ""


def gathered(app: App, environments: Sequence[str], since: datetime, until: datetime) -> ReportFacts:
    """Gather the facts of a page.

    Its figures are those of `inv metrics` of the same period.
    """
    for environment in environments:
        app.settings.environment(environment)
    missed = list[Missed]()
    parts = list(abreast(app, environments, lambda app, name: _of_environment(app, name, since, until), missed))
    deployments = [past for part in parts for past in part.deployments]
    deployments.sort(key=lambda past: past.id)
    failed = [past for past in reversed(deployments) if past.state in FAILED]
    failures = [Failure(past, outcome(past), evidence(past)) for past in failed[:SHOWN]]
    reached = [part.environment for part in parts]
    statuses, problem = _statuses(app, reached) if reached else ([], "")
    problems = [*(f"{entry.environment}: {entry.words}" for entry in missed), *([problem] if problem else [])]
    return ReportFacts(
        app.settings.app,
        until,
        since,
        statuses,
        [part.figures for part in parts],
        deployments,
        [artifact for part in parts for artifact in part.artifacts],
        failures,
        {part.environment: part.stored for part in parts},
        " ".join(problems),
    )


@dataclass(frozen=True)
class _Part:
    """What the page shows of one environment."""

    environment: str
    figures: Metrics
    deployments: Sequence[Deployment]
    artifacts: Sequence[ArtifactHealth]
    stored: int


def _of_environment(app: App, environment: str, since: datetime, until: datetime) -> _Part:
    history = app.ledger.deployments(environment)
    name_unreadable(app, environment)
    sizes = _sizes(app, environment)
    bad = bad_versions(history, app.ledger.marks(environment))
    return _Part(
        environment,
        metrics(history, environment, since, until),
        [past for past in history if since <= datetime.fromisoformat(past.first.at) < until],
        list(_artifacts(environment, history, sizes, bad))[:SHOWN],
        sum(sizes.values()),
    )


def _statuses(app: App, environments: Sequence[str]) -> tuple[list[Status], str]:
    """Look at the environments; one that can't be asked hides no other."""
    statuses = list[Status]()
    try:
        statuses.extend(looked(app, environments))
    except ServiceFailed as reason:
        return statuses, reason.what
    return statuses, ""


def _sizes(app: App, environment: str) -> dict[str, int]:
    """Add up the bytes of each stored artifact, from one listing."""
    prefix, sizes = layout.artifacts(app.settings.app, environment), dict[str, int]()
    for listed in app.store.list(prefix):
        name = listed.key[len(prefix) :].partition("/")[0]
        sizes[name] = sizes.get(name, 0) + listed.size
    return sizes


def _artifacts(
    environment: str, history: Sequence[Deployment], sizes: Mapping[str, int], bad: Mapping[str, Bad]
) -> Iterator[ArtifactHealth]:
    """Yield what was deployed, the latest first, then what never was."""
    last = {str(past.artifact_id): past for past in history if past.artifact_id}
    for version, past in sorted(last.items(), key=lambda item: item[1].id, reverse=True):
        state = f"bad: {bad[version].why}" if version in bad else past.state
        yield ArtifactHealth(environment, version, state, past.last.at, sizes.get(version, 0))
    for version in sorted(set(sizes) - set(last)):
        yield ArtifactHealth(environment, version, "never deployed", "", sizes[version])
