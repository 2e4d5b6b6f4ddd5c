"""infra: make what an environment stands on fit the artifact that goes there.

Terraform plans, the plan is saved and shown, and that very plan is applied. Two runs at once are kept apart by
Terraform's own lock on the state: the second waits. If the first changed the state after the second had planned, the
second's plan is stale, which Terraform refuses to apply: it plans again, and shows that.
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tagship.account.infra_outputs import keep, of_file
from tagship.account.tool_failures import PLANS, Attempt, explained
from tagship.domain import commands, layout
from tagship.domain.deployment import new_id
from tagship.domain.infra import Output, exported, placed, without_artifact
from tagship.domain.statelock import AtWork
from tagship.domain.text import span
from tagship.engine import statelocks
from tagship.engine.artifacts import verified_manifest
from tagship.engine.exclusive import exclusive
from tagship.engine.gates import require_unfrozen
from tagship.engine.previews import require_open
from tagship.engine.scope import named, one_environment
from tagship.errors import UNCHANGED, ServiceFailed, SettingsError, UsageError
from tagship.ports.account import Infrastructure, ToolFailed
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object
from tagship.settings import Infra


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


@dataclass(frozen=True)
class _Work:
    """One run of a tool for one artifact."""

    app: App
    environment: str
    artifact: str
    settings: Infra
    tool: Infrastructure
    variables: Mapping[str, str | None]
    command: Sequence[str] = ()
    commit: str = ""
    targets: Sequence[str] = ()

    @property
    def place(self) -> Path:
        return self.app.root / ".tagship" / "build" / (self.artifact or "no-artifact")

    @property
    def plan(self) -> Path:
        return self.place / f"infra-{self.environment}.tfplan"

    @property
    def again(self) -> str:
        return commands.infra(self.artifact, self.environment, ",".join(self.targets))

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.app, self.environment, self.settings, self.again)

    def result(self, state: str) -> Applied:
        return Applied(self.environment, self.artifact, state)


def infra_apply(app: App, *, artifact: str = "", env: str = "", target: str = "", dry_run: bool = False) -> Applied:
    """Plan and apply an environment's infrastructure for a published artifact.

    With `target`, names of Terraform's resources between commas, these alone, and without an artifact: the registry has
    to be there before there is an image.
    """
    if target:
        return _targeted(app, one_environment(app, env), artifact, target, dry_run=dry_run)
    artifact_id, environment = named(app, artifact, env)
    settings = app.settings.environment(environment).infra
    if not settings.directory:
        app.screen.say(f"{environment} has no infra.directory in tagship.toml: there is nothing to apply")
        return Applied(environment, str(artifact_id), "none")
    _check_directory(app, environment, settings)
    if not (dry_run or settings.plan_only):
        require_unfrozen(app, environment)
    manifest = verified_manifest(app, environment, artifact_id)
    bucket = app.settings.account(environment).bucket
    variables = exported(manifest, bucket, settings.variables)
    tool = app.infrastructure(environment)
    command = placed(settings.command, manifest, bucket)
    work = _Work(app, environment, str(artifact_id), settings, tool, variables, command, manifest.commit)
    return _command(work, dry_run) if settings.command else _terraform(work, dry_run)


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
    _check_directory(app, environment, settings)
    if not (dry_run or settings.plan_only):
        require_unfrozen(app, environment)
    variables = without_artifact(environment, app.settings.account(environment).bucket, settings.variables)
    work = _Work(app, environment, "", settings, app.infrastructure(environment), variables, targets=targets)
    return _terraform(work, dry_run)


def _check_directory(app: App, environment: str, settings: Infra) -> None:
    """Require the directory, with a configuration if Terraform is to read it.

    Raises SettingsError.
    """
    place = app.root / settings.directory
    wanted = "a directory"
    if place.is_dir():
        wanted = "a directory with *.tf files"
        if settings.command or any(place.glob("*.tf")) or any(place.glob("*.tf.json")):
            return
    raise SettingsError(
        f"environments.{environment}.infra.directory is {settings.directory!r}, which is not {wanted}.",
        remedy=f"Correct it in tagship.toml, or commit what is missing: git status {shlex.quote(settings.directory)}",
    )


# -- another tool ------------------------------------------------------------------------------------------------------


def _command(work: _Work, dry_run: bool) -> Applied:
    work.app.screen.say(f"in {work.settings.directory}: {shlex.join(work.command)}")
    if dry_run:
        work.app.screen.say(UNCHANGED)
        return work.result("planned")
    file = work.app.root / work.settings.directory / work.settings.outputs
    with _alone(work), explained(work.attempt, "Whatever it had changed until then stays changed."):
        if work.settings.outputs:
            file.unlink(missing_ok=True)  # those of an earlier run are not this one's
        work.tool.run(work.command, work.variables)
    if not work.settings.outputs:
        return work.result("ran")
    return _kept(work, "ran", of_file(file, work.command[0], work.again))


# -- Terraform ---------------------------------------------------------------------------------------------------------


def _terraform(work: _Work, dry_run: bool) -> Applied:
    app, began = work.app, work.app.clock.now()
    reason = work.artifact or ", ".join(work.targets)
    app.screen.say(f"infra of {work.environment} for {reason}, from {work.settings.directory}")
    with explained(work.attempt):
        work.tool.prepare()
        _say_who_is_waited_for(work)
    with _noted(work):
        changes = _planned(work)
        if dry_run or work.settings.plan_only:
            app.screen.say(f"the plan is kept in {work.plan.relative_to(app.root)}; nothing was applied")
            return work.result("planned")
        result = _with_outputs(work, "applied" if _applied(work, changes) else "unchanged")
    app.screen.say(
        f"infra of {work.environment}: {result.state} after {span((app.clock.now() - began).total_seconds())}"
    )
    return result


def _planned(work: _Work) -> bool:
    with explained(work.attempt):
        return work.tool.plan(work.plan, work.variables, work.targets)


def _applied(work: _Work, changes: bool) -> bool:
    """Apply the plan that was shown; false if nothing changes.

    Its file is removed: it may hold secrets.
    """
    try:
        if not changes:
            return False
        with _alone(work):
            return _applied_as_planned(work)
    finally:
        work.plan.unlink(missing_ok=True)


def _applied_as_planned(work: _Work) -> bool:
    """Apply the plan; if it is stale, plan and show again.

    False if there is nothing left to apply by then.
    """
    for plans in range(1, PLANS + 1):
        with explained(work.attempt, "What was applied before that stays, and is in the state."):
            try:
                work.tool.apply(work.plan, work.variables)
                return True
            except ToolFailed as reason:
                if reason.kind != "stale" or plans == PLANS:
                    raise
        work.app.screen.say("another run changed the state meanwhile: planning again")
        if not _planned(work):
            break
    return False


@contextmanager
def _alone(work: _Work) -> Iterator[None]:
    """Hold the environment's lease, and require that it is not frozen.

    An apply may replace the units that a deployment changes. A preview is recorded before the tool makes any of it.
    """
    purpose = f"infra for {work.artifact or ', '.join(work.targets)}"
    with exclusive(work.app, work.environment, purpose, wait=work.settings.lock_timeout, again=work.again):
        require_unfrozen(work.app, work.environment)
        require_open(work.app, work.environment, work.commit)
        yield


def _with_outputs(work: _Work, state: str) -> Applied:
    with explained(work.attempt, f"The infrastructure is {state}; its outputs could not be read."):
        outputs = work.tool.outputs()
    return _kept(work, state, outputs)


def _kept(work: _Work, state: str, outputs: Mapping[str, Output]) -> Applied:
    file = work.place / f"infra-{work.environment}.json"
    public = keep(work.app, file, work.artifact, work.environment, outputs)
    return Applied(work.environment, work.artifact, state, public)


def _say_who_is_waited_for(work: _Work) -> None:
    lock = statelocks.find(work.app, work.environment)
    if lock:
        held = statelocks.read(work.app, work.environment, lock)
        work.app.screen.say(f"{statelocks.described(held)}: waiting up to {span(work.settings.lock_timeout)}")


# -- who is at work ----------------------------------------------------------------------------------------------------


@contextmanager
def _noted(work: _Work) -> Iterator[None]:
    """Note whose tool works on the state, and where.

    Terraform's lock does not say. See tagship.domain.statelock.
    """
    app = work.app
    note = AtWork(app.who, socket.gethostname(), app.run_url, work.artifact)
    key = f"{layout.at_work(app.settings.app, work.environment)}{new_id(app.store.now())}.json"
    stored = app.store.create(key, note.to_json())
    try:
        yield
    finally:
        _taken_back(work, stored)


def _taken_back(work: _Work, stored: Object) -> None:
    """Remove the note, unless a lock stays that it may explain."""
    try:
        lock = statelocks.find(work.app, work.environment)
        if lock and any(note.key == stored.key for note in lock.notes):
            return
        work.app.store.delete(stored.key, stored.etag)
    except (ServiceFailed, Conflict) as reason:
        work.app.screen.warn(f"the note {stored.key} stays, and names a run that has ended ({reason})")
