"""tested: a version passed its tests in an environment. The ledger keeps that, in its chain; `promote` asks for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.deployment import Entry
from tagship.domain.text import moment
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified
from tagship.engine.plan import Facts, facts
from tagship.engine.promotion import passed
from tagship.engine.recorder import tests_entry
from tagship.engine.scope import named, one_environment
from tagship.errors import UNCHANGED, Refused
from tagship.ports.app import App


@dataclass(frozen=True)
class Tested:
    """What passed its tests, where, and who says so.

    `at` is ISO 8601 in UTC.
    """

    environment: str
    artifact: str
    manifest_sha256: str
    at: str
    who: str
    run_url: str

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def tested(app: App, *, artifact: str = "", env: str = "", dry_run: bool = False) -> Tested:  # noqa: PT028 (no test)
    """Record that what an environment runs passed its tests.

    It is what the ledger says is running there; with a version, Refused is raised if that is another. Recording the
    same twice is once.
    """
    artifact_id, known = _running(app, artifact, env)
    digest = verified(app, known.environment, artifact_id).manifest_sha256
    before = passed(app, known.environment, artifact_id, digest)
    if before:
        app.screen.say(f"{artifact_id} is recorded as tested on {known.environment} already, {_by(before)}")
        return _shown(before)
    entry = tests_entry(app, known.environment, artifact_id, digest)
    if dry_run:
        app.screen.say(f"{artifact_id} would be recorded as tested on {known.environment}")
        app.screen.say(UNCHANGED)
        return _shown(entry)
    app.ledger.append(entry)
    app.screen.say(f"{artifact_id} passed its tests on {known.environment}: recorded, {_by(entry)}")
    return _shown(entry)


def _running(app: App, artifact: str, env: str) -> tuple[ArtifactId, Facts]:
    """Find what an environment runs. Raises Refused if it's another."""
    wanted, environment = named(app, artifact, env) if artifact or app.ci.tag else ("", one_environment(app, env))
    known = facts(app, environment)
    look = f"See what runs: {commands.status(environment)}"
    if known.unfinished:
        raise Refused(f"A deployment of {known.unfinished.label} to {environment} has not ended.", remedy=look)
    if known.last is None or known.last.state != "healthy":
        raise Refused(f"Nothing is healthy on {environment}, so nothing was tested there.", remedy=look)
    if wanted and wanted != known.serving:
        raise Refused(f"{environment} runs {known.serving}, not {wanted}.", remedy=look)
    return known.last.artifact_id, known


def _by(entry: Entry) -> str:
    return f"{moment(entry.at)} UTC, by {entry.who}"


def _shown(entry: Entry) -> Tested:
    digest = str(entry.details.get("manifest_sha256", ""))
    return Tested(entry.environment, entry.artifact_id, digest, entry.at, entry.who, entry.where)
