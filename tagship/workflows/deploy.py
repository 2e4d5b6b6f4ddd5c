"""deploy: make an environment run an artifact that is published for it."""

from __future__ import annotations

from tagship.domain.deployment import marked_bad, serving
from tagship.domain.plan import Plan, told
from tagship.domain.version import ArtifactId
from tagship.errors import Refused
from tagship.ports import App
from tagship.workflows.announce import announced
from tagship.workflows.change import Result, carry_out
from tagship.workflows.preflight import manifest_sha256, named, reachable, recent, show


def deploy(app: App, *, artifact: str = "", env: str = "", allow_older: bool = False, dry_run: bool = False) -> Result:
    """Deploy an artifact and prove that it serves. In CI, artifact and environment are those of the pushed tag."""
    with announced(app) as announce:
        plan = planned(app, artifact, env, allow_older)
        show(app, plan)
        if dry_run:
            return Result(plan, "planned")
        result = carry_out(app, plan)
        announce(f"{plan.artifact_id} is healthy on {plan.environment}")
        return result


def planned(app: App, artifact: str, env: str, allow_older: bool) -> Plan:
    """Every guard, and then what will happen; nothing is changed."""
    artifact_id, environment = named(app, artifact, env)
    digest = manifest_sha256(app, environment, str(artifact_id))
    history = recent(app, environment)
    runs = serving(history)
    if not allow_older:
        _not_older(artifact_id, runs, environment)
    if str(artifact_id) in marked_bad(history):
        app.screen.warn(f"{artifact_id} failed on {environment} before, or was rolled back from: see inv history")
    hosts = reachable(app, environment)
    return Plan("deploy", environment, str(artifact_id), digest, hosts, told(history), runs)


def _not_older(artifact_id: ArtifactId, runs: str, environment: str) -> None:
    """Raises Refused for a version below the one that runs. Untagged builds have no order."""
    wanted, running = artifact_id.version, ArtifactId.parse(runs).version if runs else None
    if wanted and running and wanted < running:
        raise Refused(
            f"{wanted} is older than {running}, which {environment} runs.",
            remedy=f"To go back: inv rollback --to {wanted} (or, to deploy it all the same, add --allow-older)",
        )
