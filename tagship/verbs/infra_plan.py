"""infra.plan: say what an apply would do, to a pull request, to a later job, or to a monitor of drift.

Nothing is locked and nothing is changed: a role that reads is enough. The plan is for a version, or for what runs. A
later job applies the very plan that was approved, by its digest; if the state changed since, Terraform refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.account import infra_plans
from tagship.account.infra_work import InfraWork, check_directory
from tagship.account.tool_failures import explained
from tagship.domain import commands
from tagship.domain.infra import exported, without_artifact
from tagship.domain.infra_plan import PlanComment, PlanSummary, UnreadablePlan
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified_manifest
from tagship.engine.plan import facts
from tagship.engine.scope import named, one_environment
from tagship.errors import UNCHANGED, Incomplete, UsageError
from tagship.ports.app import App


@dataclass(frozen=True)
class Planned:
    """What an apply would do.

    `artifact` is empty if nothing runs. `planned` is the digest of the stored plan, for `inv infra --planned`; empty if
    it was not stored. `warnings` name changes that take back what a deployment set.
    """

    environment: str
    artifact: str
    has_changes: bool
    planned: str = ""
    summary: PlanSummary = field(default_factory=PlanSummary)
    warnings: tuple[str, ...] = ()
    comment: PlanComment | None = None
    detailed: bool = False

    def as_data(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "artifact": self.artifact,
            "has_changes": self.has_changes,
            "planned": self.planned,
            **self.summary.as_data(),
            "warnings": list(self.warnings),
        }

    def ci_outputs(self, app: App) -> Mapping[str, str]:  # noqa: ARG002  # of a result, by the app that it is in
        changes = "true" if self.has_changes else "false"
        summary = self.comment.to_json() if self.comment else ""
        return {"has_changes": changes, "planned": self.planned, "artifact": self.artifact, "summary": summary}

    def insist(self) -> None:
        """Raise Incomplete if a monitor asked, and there is something to change."""
        if self.detailed and self.has_changes:
            apply = commands.infra(self.artifact, self.environment)
            ship = f"Ship a version, with which it is applied: {commands.deploy_dev(self.environment)}"
            raise Incomplete(
                f"Drift: the infrastructure of {self.environment} is not as its configuration says: "
                f"{self.summary.sentence}.",
                state=UNCHANGED,
                remedy=f"Read what stands above, then apply it: {apply}" if self.artifact else ship,
            )


def infra_plan(
    app: App, *, artifact: str = "", env: str = "", detailed: bool = False, store: bool = False, tell: str = ""
) -> Planned | None:
    """Plan an environment's infrastructure for a version, or for what runs.

    With `detailed`, insist that there is nothing to change: for monitors. With `store`, keep the plan for a later job.
    With `tell`, the output `summary` of the job that planned, write the pull request's comment and plan nothing.
    """
    if tell:
        _told(app, env, tell)
        return None
    work = _work(app, artifact, env)
    app.screen.say(f"infra of {work.environment} for {work.reason}, from {work.settings.directory}")
    try:
        with explained(work.attempt):
            work.tool.prepare()
            has_changes = work.tool.plan(work.plan, work.variables, lock=False)
            summary = work.tool.summary(work.plan)
        warnings = infra_plans.overreach(work, summary)
        digest = infra_plans.hand_over(work) if store else ""
    finally:
        work.plan.unlink(missing_ok=True)  # it may hold secrets
    comment = PlanComment.of(work.environment, work.artifact, app.ci.commit, summary, warnings)
    _tell(app, work, comment, digest)
    return Planned(work.environment, work.artifact, has_changes, digest, summary, tuple(warnings), comment, detailed)


def _work(app: App, artifact: str, env: str) -> InfraWork:
    if artifact or (app.ci.tag and not env):
        chosen, environment = named(app, artifact, env)
        artifact = str(chosen)
    else:
        environment = one_environment(app, env)
        artifact = facts(app, environment).serving
    settings = app.settings.environment(environment).infra
    if settings.command or not settings.directory:
        raise UsageError(
            f"A plan is Terraform's, and {environment} has {'infra.command' if settings.command else 'no infra'}.",
            remedy=f"See what the command is: {commands.infra(artifact, environment, dry_run=True)}"
            if settings.command
            else f"Set environments.{environment}.infra.directory in tagship.toml",
        )
    check_directory(app, environment, settings)
    tool = app.infrastructure(environment)
    if not artifact:
        app.screen.say(f"the ledger names no version for {environment}: planned without one")
        variables = without_artifact(environment, app.settings.account(environment).bucket, settings.variables)
        return InfraWork(app, environment, "", settings, tool, variables)
    manifest = verified_manifest(app, environment, ArtifactId(artifact))
    variables = exported(manifest, app.settings.account(environment).bucket, settings.variables)
    return InfraWork(app, environment, artifact, settings, tool, variables, commit=manifest.commit)


def _tell(app: App, work: InfraWork, comment: PlanComment, digest: str) -> None:
    for words in comment.warnings:
        app.screen.warn(words)
    app.screen.say(f"infra of {work.environment}: {comment.sentence}")
    if digest:
        app.screen.say(f"to apply this very plan: {commands.infra(work.artifact, work.environment, planned=digest)}")
    app.ci.summarize("\n".join(comment.lines(app.run_url)))
    infra_plans.tell_pull_request(app, comment)


def _told(app: App, environment: str, summary: str) -> None:
    """Write the comment of a plan that another job made."""
    # That job ran what a branch says, and this one may write to the pull request: its words are text here.
    try:
        comment = PlanComment.from_json(summary)
    except UnreadablePlan as reason:
        raise UsageError(
            f"--tell has no summary of a plan: {reason}.",
            remedy="Give it the output `summary` of the step that planned",
        ) from reason
    if comment.environment != one_environment(app, environment):
        raise UsageError(
            "--tell has the summary of another environment's plan.",
            remedy="Pass it the output `summary` of the step that planned",
        )
    infra_plans.tell_pull_request(app, comment)
