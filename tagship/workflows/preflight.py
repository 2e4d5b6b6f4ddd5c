"""The guards that deploy and rollback share: which artifact, which environment, what runs there, who can be reached."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.fleet import amount
from tagship.domain.hosts import Host, listed
from tagship.domain.plan import Plan
from tagship.domain.times import seconds
from tagship.domain.version import ArtifactId
from tagship.errors import Refused, UsageError
from tagship.ports import App
from tagship.workflows.artifacts import verified

FEW = 12  # deployments read to know what runs: a request an entry, and the last healthy one is nearly always there
MANY = 60  # deployments read to know what there is to go back to


def named(app: App, artifact: str, environment: str, flag: str = "--artifact") -> tuple[ArtifactId, str]:
    """The artifact and the environment that are meant: by flag, in CI by the tag that was pushed, or by the suffix."""
    text = artifact or _tag_of_this_run()
    if not text:
        raise UsageError("No version is given.", remedy=f"Name it: {flag} 0.1.30-dev")
    artifact_id = _parsed(text, flag)
    if environment:
        app.settings.environment(environment)
        return artifact_id, environment
    if artifact_id.version is None:
        raise UsageError(
            f"{artifact_id} is an untagged build: it does not say which environment is meant.",
            remedy=f"Name it: {flag} {artifact_id} --env {next(iter(app.settings.environments))}",
        )
    return artifact_id, app.settings.environment_of(artifact_id.version.suffix)


def _parsed(text: str, flag: str) -> ArtifactId:
    try:
        return ArtifactId.parse(text)
    except UsageError as reason:
        raise UsageError(reason.what, remedy=f"Give a version such as 0.1.30-dev: {flag} 0.1.30-dev") from None


def _tag_of_this_run() -> str:
    """The tag whose push started this CI run; empty outside CI and for a branch."""
    here = os.environ
    return here.get("GITHUB_REF_NAME", "") if here.get("GITHUB_REF_TYPE") == "tag" else ""


def one_environment(app: App, environment: str) -> str:
    """The environment named, or the only one there is; raises UsageError where there are several."""
    if environment:
        app.settings.environment(environment)
        return environment
    if len(app.settings.environments) == 1:
        return next(iter(app.settings.environments))
    known = ", ".join(app.settings.environments)
    raise UsageError(
        f"No environment is given; there are {known}.",
        remedy=f"Name one: --env {next(iter(app.settings.environments))}",
    )


def recent(app: App, environment: str, count: int = FEW) -> Sequence[Deployment]:
    """The latest deployments, oldest first; all of them where none was healthy. Unreadable entries are named."""
    found = app.ledger.deployments(environment, count)
    if len(found) >= count and not any(one.state in SERVES for one in found):
        found = app.ledger.deployments(environment)
    name_unreadable(app, environment)
    return found


def name_unreadable(app: App, environment: str) -> None:
    """Name what the ledger could not read, as damage or as a later tagship's; a spoilt index can be mended."""
    for key in app.ledger.unreadable(environment):
        mend = f" (mend it: inv history --env {environment} --rebuild-index)" if "/_index/" in key else ""
        app.screen.warn(f"the ledger's {key} cannot be read: it is passed over{mend}")


def all_read(app: App, environment: str, one: Deployment) -> bool:
    """Whether every entry of a deployment could be read: its end may be among those that could not."""
    return not any(f"/{one.id}/" in key for key in app.ledger.unreadable(environment))


def reachable(app: App, environment: str) -> tuple[Host, ...]:
    """The hosts of an environment; raises Refused when there is none, or more than may fail cannot be reached."""
    hosts = tuple(app.target(environment).hosts())
    away = [host for host in hosts if not host.online]
    allowed = amount(app.settings.environment(environment).fleet.max_errors, len(hosts))
    told = listed([f"{host.name} ({host.id}): {host.problem or 'its agent does not answer'}" for host in away])
    if away and len(away) <= allowed and len(away) < len(hosts):
        app.screen.warn(
            f"{len(away)} of {len(hosts)} hosts of {environment} cannot be reached, and {allowed} may: {told}"
        )
    elif away:
        raise Refused(
            f"{len(away)} of {len(hosts)} hosts of {environment} cannot be reached: {told}.",
            remedy=f"Start it (or, if it is gone for good, untag it), then look: inv status --env {environment}",
        )
    return hosts


def manifest_sha256(app: App, environment: str, artifact_id: str) -> str:
    """The digest that names an artifact's manifest to a host; raises ArtifactMissing or NotAuthentic."""
    return verified(app, environment, artifact_id).manifest_sha256


def patience(text: str) -> float:
    """The seconds of `--wait 10m`; raises UsageError for what is no duration."""
    found = seconds(text) if text else 0
    if found is None:
        raise UsageError(f"{text!r} is no time to wait.", remedy="Give minutes, seconds or hours: --wait 10m")
    return found


def show(app: App, plan: Plan) -> None:
    """The plan, as a person reads it."""
    before = f", in place of {plan.replaces}" if plan.replaces and plan.replaces != plan.artifact_id else ""
    app.screen.say(f"{plan.action} {plan.label} on {plan.environment}{before}")
    app.screen.table(("HOST", "ID", "RUNS NOW", "WILL RUN"), plan.rows())
