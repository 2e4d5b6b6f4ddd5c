"""notify: say what came of the deployment, where people look: the run's page, GitHub's other pages, webhooks.

A run that failed before its deployment has nothing in the ledger: then the run itself is asked what failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tagship.domain import commands, markdown
from tagship.domain.deployment import Deployment
from tagship.domain.history import as_data, outcome
from tagship.domain.news import NOT_DEPLOYED, News, Stage
from tagship.domain.text import moment, span
from tagship.domain.version import ArtifactId
from tagship.engine.plan import MANY, recent
from tagship.engine.previews import preview_number
from tagship.engine.scope import named
from tagship.engine.tagged import commit_of
from tagship.errors import Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.release.ending import BAD, evidence, reason_of, stages
from tagship.release.previews import not_deployed, of_deployment, tell_pull_request
from tagship.release.telling import tell, try_github, try_hooks


@dataclass(frozen=True)
class Notified:
    """The deployment that was reported.

    It is None for a run that failed before it, and then `reason` says why.
    """

    deployment: Deployment | None
    reason: str = ""

    def as_data(self) -> dict[str, object]:
        if self.deployment is None:
            return {"state": "not-deployed", "reason": self.reason}
        return as_data([self.deployment])[0]


@dataclass(frozen=True)
class Tried:
    """What went wrong with each test; empty: nothing.

    `github` is by page, and `hooks` by receiver.
    """

    hooks: Mapping[str, str]
    github: Mapping[str, str]

    def as_data(self) -> dict[str, object]:
        return {"webhooks": dict(self.hooks), "github": dict(self.github)}

    def insist(self) -> None:
        """Raise ServiceFailed if one did not take its test."""
        failed = [name for name, problem in {**self.github, **self.hooks}.items() if problem]
        if failed:
            raise ServiceFailed(
                f"Not notified: {', '.join(failed)}.",
                state="Deployments are not affected; these receivers hear nothing of them.",
                remedy=f"Fix what is named above, then try again: {commands.notify(test=True)}",
            )


def notify(app: App, *, artifact: str = "", env: str = "", test: bool = False) -> Notified | Tried:
    """Report the latest deployment of an artifact, by the ledger.

    In CI, the artifact is that of the pushed tag, and GitHub, webhooks and topics are told too; what fails of that is a
    warning. With `test`, they are tried: webhooks and topics get a test, and of GitHub it is asked what the token may
    write. Raises Refused outside CI if there is no deployment.
    """
    if test:
        return Tried(github=try_github(app), hooks=try_hooks(app))
    artifact_id, environment = named(app, artifact, env)
    known = recent(app, environment, MANY)
    deployments = [entry for entry in known if entry.artifact_id == artifact_id]
    if deployments and not _failed_without(app, deployments[-1]):
        return _deployed(app, deployments[-1], newest=deployments[-1].id == known[-1].id)
    if app.ci.run:
        return _not_deployed(app, str(artifact_id), environment)
    raise Refused(
        f"The ledger knows no deployment of {artifact_id} to {environment}.",
        remedy=f"See what ran: {commands.history(environment)}",
    )


def _failed_without(app: App, deployment: Deployment) -> bool:
    """Tell whether this run failed, and has no part in a deployment.

    That one is then an earlier one of the same version: its end is no news of this run.
    """
    if not app.ci.run or app.run_url in {entry.where for entry in deployment.entries}:
        return False
    try:
        return app.forge is not None and any(step.conclusion in BAD for step in app.forge.run(app.ci.run).steps)
    except ServiceFailed:
        return False


def _deployed(app: App, latest: Deployment, *, newest: bool) -> Notified:
    app.screen.say(_headline(latest))
    app.ci.summarize(_summary(latest))
    environment = latest.first.environment
    if preview_number(app, environment):
        if newest:
            place = _news(app, environment, latest.label).url
            tell_pull_request(app, of_deployment(app, latest, _evidence(latest), place))
        return Notified(latest)
    news = replace(
        _news(app, latest.first.environment, latest.label),
        id=latest.id,
        state=latest.state,
        headline=_headline(latest),
        evidence=_evidence(latest),
        newest=newest,
        stages=_stages(app),
    )
    tell(app, news)
    return Notified(latest)


def _news(app: App, environment: str, version: str) -> News:
    """Begin the news of this run: a version that was not deployed."""
    url = urlsplit(app.filled(environment).environment(environment).health.url)
    place = f"{url.scheme}://{url.netloc}" if url.netloc else ""
    ids = (f"run-{app.ci.run}", app.settings.app, environment, version, _commit(app, version))
    names = app.settings.tags.names
    news = News(*ids, NOT_DEPLOYED, "", app.run_url, place)
    return replace(news, tag=names.of(version), shares_repository=names.belong_to_an_app)


def _commit(app: App, version: str) -> str:
    """Find the version's commit; else the run's own."""
    # A version may be deployed by a run of another commit.
    if not app.ci.run:
        return ""
    try:
        return commit_of(app, ArtifactId.parse(version))
    except TagshipError:
        return app.ci.commit


def _stages(app: App) -> Sequence[Stage]:
    """Read how the jobs of this run ended."""
    # Nothing if the forge cannot be asked.
    try:
        return stages(app.forge.run(app.ci.run).steps) if app.forge and app.ci.run else ()
    except ServiceFailed as failure:
        app.screen.warn(f"no check run is set: {failure.what}")
        return ()


def _not_deployed(app: App, artifact_id: str, environment: str) -> Notified:
    """Report a run that failed before its deployment.

    The words are those of the step that failed.
    """
    headline = f"{artifact_id} was not deployed to {environment}"
    reason, captured, ended = _why(app)
    app.screen.say(f"{headline}. {reason}")
    lines = [*markdown.heading(headline), *markdown.paragraph(reason), *markdown.folded("evidence", captured)]
    app.ci.summarize("\n".join(lines))
    if preview_number(app, environment):
        tell_pull_request(app, not_deployed(app, environment, artifact_id, reason, captured))
        return Notified(None, reason)
    tell(
        app,
        replace(
            _news(app, environment, artifact_id), headline=f"{headline}. {reason}", evidence=captured, stages=ended
        ),
    )
    return Notified(None, reason)


def _why(app: App) -> tuple[str, str, Sequence[Stage]]:
    """Explain why the run failed: words, evidence, how its jobs ended.

    It says where to look if the forge cannot be asked.
    """
    try:
        forge = app.forge
        if forge is None:
            return f"Why is on the run's page: {app.ci.run_url}", "", ()
        run, notices = forge.run(app.ci.run), forge.notices(app.ci.run)
    except ServiceFailed as failure:
        return f"Why is on the run's page: {app.ci.run_url} ({failure.what.rstrip('.')})", "", ()
    return reason_of(run, notices), evidence(run, notices), stages(run.steps)


def _headline(deployment: Deployment) -> str:
    """Write the sentence that says how a deployment ended.

    `0.1.30-dev on dev: healthy after 12 s, in place of 0.1.29-dev (deploy by ada@laptop, 2026-11-20 15:53 UTC)`.
    """
    before = f", in place of {deployment.last.replaced}" if deployment.last.replaced else ""
    by = f"{deployment.first.action} by {deployment.first.who}, {moment(deployment.first.at)} UTC"
    after = f"{outcome(deployment)} after {span(deployment.seconds)}"
    return f"{deployment.label} on {deployment.first.environment}: {after}{before} ({by})"


def _summary(deployment: Deployment) -> str:
    """Write the run's summary page, in GitHub's Markdown.

    The headline, each unit, and the evidence of a failure.
    """
    units = deployment.last.details.get("units", ())
    lines = [
        *markdown.heading(f"{deployment.label} on {deployment.first.environment}: {deployment.state}"),
        *markdown.paragraph(_headline(deployment)),
        *markdown.table(tuple(_COLUMNS), [[unit.get(key, "") for key in _COLUMNS.values()] for unit in units]),
        *markdown.folded("evidence", _evidence(deployment)),
    ]
    return "\n".join(lines)


def _evidence(deployment: Deployment) -> str:
    return next((entry.details["evidence"] for entry in deployment.entries if entry.details.get("evidence")), "")


_COLUMNS = {"unit": "unit", "outcome": "outcome", "serving": "serving", "before": "previous", "reason": "reason"}
