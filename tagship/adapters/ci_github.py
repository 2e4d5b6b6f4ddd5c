"""GitHub Actions, from inside a step: its variables, and the files that it reads after the step.

https://docs.github.com/actions/reference/workflows-and-actions/variables
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tagship.domain.annotation import NONCE, command, evidence_command, next_command, opening
from tagship.domain.trigger import Trigger
from tagship.errors import ServiceFailed
from tagship.ports.ci import Ci

_SIGNS = ("GITHUB_ACTIONS", "GITHUB_RUN_ID", "GITHUB_REF_NAME", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
NONCE_FILE = "tagship-annotations"  # in RUNNER_TEMP
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY
Line = Callable[[str], None]


def connect(variables: Mapping[str, str], directive: Line, warn: Line) -> Ci:
    """Connect to the CI of these variables.

    `directive` prints what its runner obeys, `warn` what people read.
    """
    if any(variables.get(name) for name in _SIGNS):
        return GitHubCi(variables, directive, warn)
    return NoCi(running=bool(variables.get("CI")))


@dataclass(frozen=True)
class NoCi:
    """A laptop, or (`running`) a CI that tagship does not know.

    Nothing is read from it, and nothing is left there.
    """

    running: bool = False
    tag: str = ""
    commit: str = ""
    branch: str = ""
    pull_request: str = ""
    run: str = ""
    run_url: str = ""
    workflow: str = ""
    actor: str = ""
    owner_id: str = ""
    repository_id: str = ""
    trigger: Trigger = field(default_factory=Trigger)

    def begin(self) -> None:
        pass

    def output(self, values: Mapping[str, str]) -> None:
        pass

    def summarize(self, markdown: str) -> None:
        pass

    def capture(self, text: str) -> None:
        pass

    def advise(self, remedy: str) -> None:
        pass

    def annotate(self, code: int, message: str) -> None:
        pass


class GitHubCi:
    """A step of a GitHub Actions job."""

    def __init__(self, variables: Mapping[str, str], directive: Line, warn: Line) -> None:
        self._variables, self._directive, self._warn = variables, directive, warn

    def _get(self, name: str) -> str:
        return self._variables.get(f"GITHUB_{name}", "")

    @property
    def running(self) -> bool:
        return bool(self._variables.get("CI") or self._get("ACTIONS"))

    @property
    def tag(self) -> str:
        return self._get("REF_NAME") if self._get("REF_TYPE") == "tag" else ""

    @property
    def commit(self) -> str:
        return self._get("SHA")

    @property
    def trigger(self) -> Trigger:
        facts = (self._get(name) for name in ("REPOSITORY", "REF", "SHA"))
        return Trigger.of(self._get("EVENT_NAME"), self._event(), *facts)

    def _event(self) -> dict[str, Any]:
        """Read the event's file; empty if it can't be read."""
        try:
            value = json.loads(Path(self._get("EVENT_PATH")).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def branch(self) -> str:
        return self._get("HEAD_REF")

    @property
    def pull_request(self) -> str:
        ref = self._get("REF").split("/")  # refs/pull/51/merge; that of a merged one is the branch that it went to
        return ref[2] if ref[:2] == ["refs", "pull"] else str(self.trigger.pull or "")

    @property
    def run(self) -> str:
        return self._get("RUN_ID")

    @property
    def run_url(self) -> str:
        if not self.run:
            return ""
        return f"{self._get('SERVER_URL')}/{self._get('REPOSITORY')}/actions/runs/{self.run}"

    @property
    def workflow(self) -> str:
        return self._get("WORKFLOW_REF")

    @property
    def actor(self) -> str:
        return self._get("ACTOR")

    @property
    def owner_id(self) -> str:
        return self._get("REPOSITORY_OWNER_ID")

    @property
    def repository_id(self) -> str:
        return self._get("REPOSITORY_ID")

    def output(self, values: Mapping[str, str]) -> None:
        path = self._get("OUTPUT")
        try:
            _append(path, "".join(_line(name, value) for name, value in values.items()))
        except OSError as reason:
            raise ServiceFailed(
                f"Cannot write this step's outputs to GITHUB_OUTPUT ({path}): {reason.strerror}.",
                state="What is said above was done; later jobs do not see its outputs.",
                remedy="Make that folder, or unset the variable if this is not a job: unset GITHUB_OUTPUT",
            ) from reason

    def summarize(self, markdown: str) -> None:
        path = self._get("STEP_SUMMARY")
        try:
            _append(path, markdown)
        except OSError as reason:
            self._warn(f"cannot write the run's summary to GITHUB_STEP_SUMMARY ({path}): {reason.strerror}")

    def begin(self) -> None:
        _ = self._nonce

    def capture(self, text: str) -> None:
        self._directive(evidence_command(text, self._nonce))

    def advise(self, remedy: str) -> None:
        self._directive(next_command(remedy, self._nonce))

    def annotate(self, code: int, message: str) -> None:
        self._directive(command(code, message, self._nonce))

    @cached_property
    def _nonce(self) -> str:
        """Return the job's nonce; draw and announce it in the first step."""
        # The runner empties RUNNER_TEMP before each job. Without it, each step is on its own.
        drawn, folder = secrets.token_hex(8), self._variables.get("RUNNER_TEMP", "")
        nonce = _agreed(Path(folder) / NONCE_FILE, drawn) if folder else drawn
        if nonce == drawn:
            self._directive(opening(nonce))
        return nonce


def _agreed(file: Path, drawn: str) -> str:
    """Keep a nonce for the job's later steps; return what is kept."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(os.open(file, _NEW, 0o600), "w", encoding="ascii") as made:
            made.write(drawn)
        nonce = file.read_text("ascii")
        return nonce if NONCE.fullmatch(nonce) else drawn
    return drawn


def _append(path: str, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


def _line(name: str, value: str) -> str:
    """Format one output for GitHub's file."""
    # A value with a line break goes between two marks: it cannot add an output of its own.
    if "\n" not in value and "\r" not in value:
        return f"{name}={value}\n"
    end = f"end-{secrets.token_hex(8)}"
    return f"{name}<<{end}\n{value}\n{end}\n"
