"""Where a version is now: in which environments it runs, ran, or waits to be deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain.deployment import Deployment
from tagship.domain.history import person
from tagship.domain.standing import bad_versions
from tagship.domain.text import moment
from tagship.domain.version import ArtifactId
from tagship.engine.abreast import Missed, abreast, insist
from tagship.engine.artifacts import stored_ids
from tagship.engine.plan import facts
from tagship.ports.app import App


@dataclass(frozen=True)
class Whereabouts:
    """One version in one environment.

    `state` is running, replaced, published, absent, or how its last deployment ended; `since` is ISO 8601 in UTC.
    """

    environment: str
    artifact: str
    state: str
    since: str = ""
    who: str = ""
    runs: str = ""  # what the environment runs
    tested: bool = False
    bad: str = ""  # why it counts as bad there

    def as_data(self) -> dict[str, object]:
        return asdict(self)


class Places(list[Whereabouts]):
    """A version in every environment that could be asked."""

    missed: Sequence[Missed] = ()

    def insist(self) -> None:
        """Raise ServiceFailed if an environment could not be asked."""
        insist(self.missed)


def where_is(app: App, artifact_id: ArtifactId, environments: Sequence[str]) -> Places:
    """Find a version in every environment, and show that in one table."""
    missed = list[Missed]()
    places = Places(abreast(app, environments, lambda app, environment: _place(app, artifact_id, environment), missed))
    places.missed = missed
    app.screen.table(("ENVIRONMENT", artifact_id, "SINCE (UTC)", "RUNS", "BY"), [_row(place) for place in places])
    return places


def _place(app: App, artifact_id: ArtifactId, environment: str) -> Whereabouts:
    runs = facts(app, environment).serving
    history = app.ledger.deployments(environment)
    tries = [deployment for deployment in history if deployment.artifact_id == artifact_id]
    last = tries[-1] if tries else None
    bad = bad_versions(history, app.ledger.marks(environment)).get(artifact_id)
    return Whereabouts(
        environment,
        str(artifact_id),
        _state(app, artifact_id, environment, last, runs),
        last.last.at if last else "",
        last.first.who if last else "",
        runs,
        any(entry.artifact_id == artifact_id for entry in app.ledger.tests(environment)),
        bad.why if bad else "",
    )


def _state(app: App, artifact_id: ArtifactId, environment: str, last: Deployment | None, runs: str) -> str:
    if runs == artifact_id:
        return "running"
    if last is None:
        return "published" if artifact_id in stored_ids(app, environment) else "absent"
    return "replaced" if last.state in {"healthy", "partial"} else last.state


def _row(place: Whereabouts) -> list[str]:
    words = [place.state, "tested" if place.tested else "", "bad" if place.bad else ""]
    since = moment(place.since) if place.since else ""
    return [place.environment, ", ".join(filter(None, words)), since, place.runs or "nothing", person(place.who)]
