"""infra: make what an environment stands on fit the artifact that goes there.

Terraform plans, the plan is saved and shown, and that very plan is applied. Two runs at once are kept apart by
Terraform's own lock on the state: the second waits. If the first changed the state after the second had planned, the
second's plan is stale, which Terraform refuses to apply: it plans again, and shows that.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from tagship.account import infra_plans
from tagship.account.infra_outputs import of_file
from tagship.account.infra_work import (
    InfraWork,
    alone,
    check_directory,
    kept,
    noted,
    say_who_is_waited_for,
    warn_without_lock,
)
from tagship.account.tool_failures import PLANS, explained
from tagship.domain import commands
from tagship.domain.infra import Output, exported, placed, without_artifact
from tagship.domain.text import span
from tagship.engine.artifacts import verified_manifest
from tagship.engine.gates import require_unfrozen
from tagship.engine.scope import named, one_environment
from tagship.errors import UNCHANGED, Refused, UsageError
from tagship.ports.account import ToolFailed
from tagship.ports.app import App

STAYS = "What was applied before that stays, and is in the state."


@dataclass(frozen=True)
class Applied:
    """What became of it; `outputs` is empty if nothing was read.

    `state`: none (there is nothing to apply) | planned | unchanged | applied | ran (a command).
    `outputs` maps a name to {"sensitive": …, "value": …}; a sensitive value is null.
    """

    environment: str
    artifact: str
    state: str
    outputs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def infra_apply(
    app: App, *, artifact: str = "", env: str = "", target: str = "", planned: str = "", dry_run: bool = False
) -> Applied:
    """Plan and apply an environment's infrastructure for a published artifact.

    With `target`, names of Terraform's resources between commas, these alone, and without an artifact: the registry has
    to be there before there is an image. With `planned`, the digest of a plan that `infra.plan` stored, that plan.
    """
    if target and planned:
        raise UsageError(
            "--target makes a plan, and --planned applies one that was made.", remedy="Leave one of the two out"
        )
    if target:
        return _targeted(app, one_environment(app, env), artifact, target, dry_run=dry_run)
    artifact_id, environment = named(app, artifact, env)
    settings = app.settings.environment(environment).infra
    if not settings.directory:
        app.screen.say(f"{environment} has no infra.directory in tagship.toml: there is nothing to apply")
        return Applied(environment, str(artifact_id), "none")
    check_directory(app, environment, settings)
    if planned and (settings.command or settings.plan_only):
        raise UsageError(
            f"--planned is for Terraform's plans, and {environment} has infra."
            f"{'command' if settings.command else 'plan_only: nothing is applied'}.",
            remedy=f"Leave it away: {commands.infra(artifact, environment)}",
        )
    if not (dry_run or settings.plan_only):
        require_unfrozen(app, environment)
    manifest = verified_manifest(app, environment, artifact_id)
    bucket = app.settings.account(environment).bucket
    variables = exported(manifest, bucket, settings.variables)
    tool = app.infrastructure(environment)
    command = placed(settings.command, manifest, bucket)
    work = InfraWork(app, environment, str(artifact_id), settings, tool, variables, command, manifest.commit)
    if settings.command:
        return _command(work, dry_run)
    return _approved(work, planned, dry_run) if planned else _terraform(work, dry_run)


def _targeted(app: App, environment: str, artifact: str, target: str, *, dry_run: bool) -> Applied:
    """Apply some resources alone, before any artifact exists."""
    targets = [name.strip() for name in target.split(",") if name.strip()]
    settings = app.settings.environment(environment).infra
    if artifact:
        raise UsageError(
            "--target is for resources that an artifact needs, and --version names one.",
            remedy=f"Leave the version away: {commands.infra('', environment, target)}",
        )
    if settings.command or not settings.directory:
        raise UsageError(
            f"--target is Terraform's, and {environment} has {'infra.command' if settings.command else 'no infra'}.",
            remedy=f"Make it by other means, then: {commands.build('', environment)}",
        )
    check_directory(app, environment, settings)
    if not (dry_run or settings.plan_only):
        require_unfrozen(app, environment)
    variables = without_artifact(environment, app.settings.account(environment).bucket, settings.variables)
    work = InfraWork(app, environment, "", settings, app.infrastructure(environment), variables, targets=targets)
    return _terraform(work, dry_run)


# -- another tool ------------------------------------------------------------------------------------------------------


def _command(work: InfraWork, dry_run: bool) -> Applied:
    work.app.screen.say(f"in {work.settings.directory}: {shlex.join(work.command)}")
    if dry_run:
        work.app.screen.say(UNCHANGED)
        return Applied(work.environment, work.artifact, "planned")
    warn_without_lock(work)
    file = work.app.root / work.settings.directory / work.settings.outputs
    with alone(work), explained(work.attempt, "Whatever it had changed until then stays changed."):
        if work.settings.outputs:
            file.unlink(missing_ok=True)  # those of an earlier run are not this one's
        work.tool.run(work.command, work.variables)
    if not work.settings.outputs:
        return Applied(work.environment, work.artifact, "ran")
    return _result(work, "ran", of_file(file, work.command[0], work.again))


# -- Terraform ---------------------------------------------------------------------------------------------------------


def _terraform(work: InfraWork, dry_run: bool) -> Applied:
    app, began = work.app, work.app.clock.now()
    app.screen.say(f"infra of {work.environment} for {work.reason}, from {work.settings.directory}")
    with explained(work.attempt):
        work.tool.prepare()
        say_who_is_waited_for(work)
    with noted(work):
        changes = _planned(work)
        _warn_of_overreach(work, changes)
        if dry_run or work.settings.plan_only:
            app.screen.say(f"the plan is kept in {work.plan.relative_to(app.root)}; nothing was applied")
            return Applied(work.environment, work.artifact, "planned")
        result = _with_outputs(work, "applied" if _applied(work, changes) else "unchanged")
    app.screen.say(
        f"infra of {work.environment}: {result.state} after {span((app.clock.now() - began).total_seconds())}"
    )
    return result


def _approved(work: InfraWork, digest: str, dry_run: bool) -> Applied:
    """Apply a plan that was stored and approved.

    Raises Refused if the state has changed since.
    """
    app = work.app
    app.screen.say(f"infra of {work.environment} for {work.reason}, by the plan {digest[:16]}")
    try:
        with explained(work.attempt):
            work.tool.prepare()
            infra_plans.take_over(work, digest)
            summary = work.tool.summary(work.plan)
        for line in summary.lines:
            app.screen.say(line)
        if dry_run:
            app.screen.say(UNCHANGED)
            return Applied(work.environment, work.artifact, "planned")
        with (
            noted(work),
            alone(work),
            explained(work.attempt, STAYS),
        ):
            _apply_approved(work, digest)
        infra_plans.forget(work, digest)
        return _with_outputs(work, "applied")
    finally:
        work.plan.unlink(missing_ok=True)


def _apply_approved(work: InfraWork, digest: str) -> None:
    try:
        work.tool.apply(work.plan, work.variables)
    except ToolFailed as reason:
        if reason.kind != "stale":
            raise
        infra_plans.forget(work, digest)
        again = commands.infra_plan(work.artifact, work.environment, store=True)
        raise Refused(
            f"The state of {work.environment} has changed since the plan {digest[:16]} was made: it says no more what "
            "would happen.",
            remedy=f"Plan again, and have that approved: {again}",
            evidence=reason.said,
        ) from reason


def _warn_of_overreach(work: InfraWork, changes: bool) -> None:
    """Warn of changes that take back what a deployment set."""
    if changes and work.app.settings.environment(work.environment).target.owned:
        with explained(work.attempt):
            summary = work.tool.summary(work.plan)
        for words in infra_plans.overreach(work, summary):
            work.app.screen.warn(words)


def _planned(work: InfraWork) -> bool:
    with explained(work.attempt):
        return work.tool.plan(work.plan, work.variables, work.targets)


def _applied(work: InfraWork, changes: bool) -> bool:
    """Apply the plan that was shown; false if nothing changes.

    Its file is removed: it may hold secrets.
    """
    try:
        if not changes:
            return False
        with alone(work):
            return _applied_as_planned(work)
    finally:
        work.plan.unlink(missing_ok=True)


def _applied_as_planned(work: InfraWork) -> bool:
    """Apply the plan; if it is stale, plan and show again.

    False if there is nothing left to apply by then.
    """
    for plans in range(1, PLANS + 1):
        with explained(work.attempt, STAYS):
            try:
                work.tool.apply(work.plan, work.variables)
                return True
            except ToolFailed as reason:
                if reason.kind != "stale" or plans == PLANS:
                    raise
        work.app.screen.say("another run changed the state: planning again")
        if not _planned(work):
            break
    return False


def _with_outputs(work: InfraWork, state: str) -> Applied:
    with explained(work.attempt, f"The infrastructure is {state}; its outputs could not be read."):
        outputs = work.tool.outputs()
    return _result(work, state, outputs)


def _result(work: InfraWork, state: str, outputs: Mapping[str, Output]) -> Applied:
    return Applied(work.environment, work.artifact, state, kept(work, outputs))
