"""What a version would change of an environment's infrastructure, for somebody who is about to promote it.

It is shown, and never insisted on. A job of CI plans nothing here: Terraform runs what the project names, and the job
has credentials of the environment that it promotes to.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagship.account.infra_plans import overreach
from tagship.account.infra_work import InfraWork, check_directory
from tagship.account.tool_failures import explained
from tagship.domain import commands
from tagship.domain.infra import exported
from tagship.domain.infra_plan import PlanSummary, UnreadablePlan
from tagship.domain.manifest import Manifest
from tagship.errors import Interrupted, TagshipError
from tagship.ports.app import App


def infra_lines(app: App, manifest: Manifest) -> Iterator[str]:
    """Say what a version changes of the infrastructure, if there is any."""
    environment, artifact = manifest.environment, manifest.artifact_id
    settings = app.settings.environment(environment).infra
    if settings.command:
        later = commands.infra(artifact, environment, dry_run=True)
        yield f"infrastructure: not planned, it is a command's; once this is promoted: {later}"
    elif settings.directory:
        later = commands.infra_plan(artifact, environment)
        if app.ci.running:
            yield f"infrastructure: not planned in a job of CI; once this is promoted: {later}"
            return
        try:
            summary, warnings = _planned(app, manifest)
        except Interrupted:
            raise
        except (TagshipError, UnreadablePlan) as reason:
            why = reason.what if isinstance(reason, TagshipError) else f"{reason}"
            yield f"infrastructure: not known ({why.rstrip('.')}); once this is promoted: {later}"
            return
        rows = summary.lines[:-1]
        yield f"infrastructure: {summary.sentence}"
        yield from rows
        yield from warnings


def _planned(app: App, manifest: Manifest) -> tuple[PlanSummary, list[str]]:
    """Plan without a lock, and keep nothing of it."""
    environment = manifest.environment
    settings = app.settings.environment(environment).infra
    check_directory(app, environment, settings)
    variables = exported(manifest, app.settings.account(environment).bucket, settings.variables)
    tool = app.infrastructure(environment)
    work = InfraWork(app, environment, manifest.artifact_id, settings, tool, variables, commit=manifest.commit)
    try:
        with explained(work.attempt):
            tool.prepare()
            tool.plan(work.plan, work.variables, lock=False)
            summary = tool.summary(work.plan)
    finally:
        work.plan.unlink(missing_ok=True)  # it may hold secrets
    return summary, list(overreach(work, summary))
