"""notify: say what came of the deployment, where people look: the console and the run's summary page.

A run that failed before its deployment has nothing in the ledger: then the run itself is asked what failed.
"""

from __future__ import annotations

from dataclasses import dataclass

from tagship.domain import commands, markdown
from tagship.domain.deployment import Deployment
from tagship.domain.history import as_data, outcome
from tagship.domain.text import moment, span
from tagship.engine.plan import MANY, recent
from tagship.engine.scope import named
from tagship.errors import Refused, ServiceFailed
from tagship.ports.app import App
from tagship.release.ending import evidence, reason_of


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


def notify(app: App, *, artifact: str = "", env: str = "") -> Notified:
    """Report the latest deployment of an artifact, by the ledger.

    In CI, the artifact is that of the pushed tag.
    Raises Refused outside CI if there is none.
    """
    artifact_id, environment = named(app, artifact, env)
    deployments = [entry for entry in recent(app, environment, MANY) if entry.artifact_id == artifact_id]
    if deployments:
        return _deployed(app, deployments[-1])
    if app.ci.run:
        return _not_deployed(app, f"{artifact_id} was not deployed to {environment}")
    raise Refused(
        f"The ledger knows no deployment of {artifact_id} to {environment}.",
        remedy=f"See what ran: {commands.history(environment)}",
    )


def _deployed(app: App, latest: Deployment) -> Notified:
    app.screen.say(_headline(latest))
    app.ci.summarize(_summary(latest))
    return Notified(latest)


def _not_deployed(app: App, headline: str) -> Notified:
    """Report a run that failed before its deployment.

    The words are those of the step that failed.
    """
    reason, captured = _why(app)
    app.screen.say(f"{headline}. {reason}")
    lines = [*markdown.heading(headline), *markdown.paragraph(reason), *markdown.folded("evidence", captured)]
    app.ci.summarize("\n".join(lines))
    return Notified(None, reason)


def _why(app: App) -> tuple[str, str]:
    """Explain why the run failed, with its failing step's evidence.

    It says where to look if the forge cannot be asked.
    """
    try:
        forge = app.forge
        if forge is None:
            return f"Why is on the run's page: {app.ci.run_url}", ""
        run, notices = forge.run(app.ci.run), forge.notices(app.ci.run)
    except ServiceFailed as failure:
        return f"Why is on the run's page: {app.ci.run_url} ({failure.what.rstrip('.')})", ""
    return reason_of(run, notices), evidence(run, notices)


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
    captured = next((entry.details["evidence"] for entry in deployment.entries if entry.details.get("evidence")), "")
    lines = [
        *markdown.heading(f"{deployment.label} on {deployment.first.environment}: {deployment.state}"),
        *markdown.paragraph(_headline(deployment)),
        *markdown.table(tuple(_COLUMNS), [[unit.get(key, "") for key in _COLUMNS.values()] for unit in units]),
        *markdown.folded("evidence", captured),
    ]
    return "\n".join(lines)


_COLUMNS = {"unit": "unit", "outcome": "outcome", "serving": "serving", "before": "previous", "reason": "reason"}
