"""Tell a pull request of its preview, by the one comment that it has. What fails of that is a warning."""

from __future__ import annotations

from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.history import outcome
from tagship.domain.manifest import Manifest
from tagship.domain.preview_comment import PreviewComment
from tagship.domain.text import moment, span
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_manifest
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.settings.previews import number_of


def tell_pull_request(app: App, comment: PreviewComment) -> None:
    """Write or change a preview's comment, in CI.

    Outside CI a person sees for themselves.
    """
    if not app.ci.run or app.board is None:
        return
    try:
        page = app.board.comment(number_of(comment.environment), comment.mark, comment.body())
    except TagshipError as failure:
        app.screen.warn(f"no comment on the pull request: {failure.what} {failure.remedy}")
        return
    app.screen.say(f"Commented: {page}")


def of_deployment(app: App, deployment: Deployment, evidence: str, url: str) -> PreviewComment:
    """Write what came of a deployment, and what serves now."""
    environment, last = deployment.first.environment, deployment.last
    works = deployment.state in SERVES
    serves = str(deployment.artifact_id) if works else last.replaced if deployment.state != "rollback-failed" else ""
    facts = {
        "version": deployment.label,
        "outcome": f"{outcome(deployment)} after {span(deployment.seconds)}",
        "digest": _digest(app, environment, str(deployment.artifact_id)),
        "since": f"{moment(last.at)} UTC" if works else "",
        "what went wrong": "" if works else _why(deployment),
        "serving": "" if works else serves or "nothing that is known",
    }
    headline = f"{environment} runs {deployment.label}" if works else f"{deployment.label} failed on {environment}"
    return PreviewComment(
        app.settings.app,
        environment,
        headline,
        facts,
        url=url if works or serves else "",
        run_url=app.run_url,
        evidence=evidence,
    )


def not_deployed(app: App, environment: str, version: str, reason: str, evidence: str) -> PreviewComment:
    """Write that a run ended before its deployment, and why."""
    facts = {"version": version, "what went wrong": reason}
    headline = f"{version} was not deployed to {environment}"
    return PreviewComment(app.settings.app, environment, headline, facts, run_url=app.run_url, evidence=evidence)


def closed(app: App, environment: str, problem: TagshipError | None = None) -> PreviewComment:
    """Write that a preview is gone, or why it is not."""
    headline = f"{environment} is gone" if problem is None else f"{environment} could not be closed"
    facts = {"at": f"{moment(app.clock.now().isoformat())} UTC"}
    if problem:
        facts |= {"what went wrong": problem.what, "now": problem.state, "next": problem.remedy}
    evidence = problem.evidence if problem else ""
    return PreviewComment(app.settings.app, environment, headline, facts, run_url=app.run_url, evidence=evidence)


def _why(deployment: Deployment) -> str:
    """Say why it failed: each unit's own reason, or the deployment's."""
    rows = [unit for entry in deployment.entries for unit in entry.details.get("units", ()) if unit.get("reason")]
    reasons = dict.fromkeys(f"{unit.get('unit', '?')}: {unit['reason']}" for unit in rows)
    return "; ".join(reasons) or deployment.last.reason or "see the run"


def _digest(app: App, environment: str, artifact: str) -> str:
    """Return an artifact's digests; empty if its manifest is gone."""
    try:
        manifest = stored_manifest(app, environment, ArtifactId(artifact))
    except TagshipError:
        return ""
    return ", ".join(_digests(manifest)) if manifest else ""


def _digests(manifest: Manifest) -> list[str]:
    named = {name: image.digest for name, image in manifest.images.items()}
    own = [manifest.image.digest] if manifest.image else []
    images = [*own, *(f"{name} {digest}" for name, digest in named.items())]
    return images or [f"sha256:{manifest.bundle.sha256}"]
