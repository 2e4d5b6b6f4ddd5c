"""One run of a tool on an environment's infrastructure: what it is given, what it holds, and who is at work."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tagship.account.infra_outputs import Shown, keep
from tagship.account.tool_failures import Attempt
from tagship.domain import commands, layout
from tagship.domain.deployment import new_id
from tagship.domain.infra import Output
from tagship.domain.infra_owned import lock_problem
from tagship.domain.statelock import AtWork
from tagship.domain.text import span
from tagship.engine import statelocks
from tagship.engine.exclusive import exclusive
from tagship.engine.gates import require_unfrozen
from tagship.engine.previews import require_open
from tagship.errors import ServiceFailed, SettingsError
from tagship.ports.account import Infrastructure
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object
from tagship.settings import Infra


@dataclass(frozen=True)
class InfraWork:
    """One run of a tool for one artifact.

    `targets` are Terraform's, for the time before there is an artifact.
    """

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
    def reason(self) -> str:
        """Say what it is for: an artifact, or resources."""
        return self.artifact or ", ".join(self.targets) or "no artifact"

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.app, self.environment, self.settings, self.again)


def check_directory(app: App, environment: str, settings: Infra) -> None:
    """Require the directory, with a configuration if Terraform is to read it.

    And the var files. Raises SettingsError.
    """
    place = app.root / settings.directory
    wanted = "a directory"
    if place.is_dir():
        wanted = "a directory with *.tf files"
        if settings.command or any(place.glob("*.tf")) or any(place.glob("*.tf.json")):
            return _check_files(place, environment, settings)
    raise SettingsError(
        f"environments.{environment}.infra.directory is {settings.directory!r}, which is not {wanted}.",
        remedy=f"Correct it in tagship.toml, or commit what is missing: git status {shlex.quote(settings.directory)}",
    )


def _check_files(place: Path, environment: str, settings: Infra) -> None:
    for name in settings.var_files_of(environment):
        if not (place / name).is_file():
            path = f"{settings.directory}/{name}"
            raise SettingsError(
                f"environments.{environment}.infra.var_files names {name!r}, and there is no {path}.",
                remedy=f"Correct it in tagship.toml, or commit what is missing: git status {shlex.quote(path)}",
            )


@contextmanager
def alone(work: InfraWork) -> Iterator[None]:
    """Hold the environment's lease, and require that it is not frozen.

    An apply may replace the units that a deployment changes. A preview is recorded before the tool makes any of it.
    """
    with exclusive(
        work.app, work.environment, f"infra for {work.reason}", wait=work.settings.lock_timeout, again=work.again
    ):
        require_unfrozen(work.app, work.environment)
        require_open(work.app, work.environment, work.commit)
        yield


def kept(work: InfraWork, outputs: Mapping[str, Output]) -> Shown:
    """Write a tool's outputs down, beside the artifact."""
    return keep(work.app, work.place / f"infra-{work.environment}.json", work.artifact, work.environment, outputs)


def say_who_is_waited_for(work: InfraWork) -> None:
    lock = statelocks.find(work.app, work.environment)
    if lock:
        held = statelocks.read(work.app, work.environment, lock)
        work.app.screen.say(f"{statelocks.described(held)}: waiting up to {span(work.settings.lock_timeout)}")


def warn_without_lock(work: InfraWork) -> None:
    """Warn if nothing locks the state of a team's own command.

    Its *.tf files say so. If that is not known, doctor says so.
    """
    folder = work.app.root / work.settings.directory
    files = work.tool.configuration(folder) if any(folder.glob("*.tf")) else None
    if files and (problem := lock_problem(files)):
        work.app.screen.warn(f"{work.settings.directory}: {problem}")


# -- who is at work ----------------------------------------------------------------------------------------------------


@contextmanager
def noted(work: InfraWork) -> Iterator[None]:
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


def _taken_back(work: InfraWork, stored: Object) -> None:
    """Remove the note, unless a lock stays that it may explain."""
    try:
        lock = statelocks.find(work.app, work.environment)
        if lock and any(note.key == stored.key for note in lock.notes):
            return
        work.app.store.delete(stored.key, stored.etag)
    except (ServiceFailed, Conflict) as reason:
        work.app.screen.warn(f"the note {stored.key} stays, and names a run that has ended ({reason})")
