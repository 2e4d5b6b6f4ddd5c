"""The programs on PATH: asked for their versions, or run for a build without the credentials of whoever builds."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagship.adapters.program import Program
from tagship.errors import Refused

WITHIN = 5.0  # seconds that a program may take to say its version
ASKED = {"terraform": ("version",)}  # the others know --version
# What a build's command has no business with: it runs what packages of other people say.
CREDENTIALS = re.compile(r"AWS_\w+|ACTIONS_\w+|\w*(TOKEN|SECRET|PASSWORD)\w*", re.IGNORECASE)
TAIL = 2000  # characters of what a command complained
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class LocalMachine:
    """This machine; see tagship.ports.machine. Commands get the `inherited` variables."""

    inherited: Mapping[str, str] = field(default_factory=dict)

    def version(self, tool: str) -> str:
        command = [tool, *ASKED.get(tool, ("--version",))]
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, timeout=WITHIN, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        number = _NUMBER.search(answer.stdout)
        return number[0] if answer.returncode == 0 and number else ""

    def run_verb(self, command: str) -> int:
        """Run a command with the `inv` and `tagship` beside this Python."""
        path = os.pathsep.join([str(Path(sys.executable).parent), self.inherited.get("PATH", os.defpath)])
        variables = {**self.inherited, "PATH": path}
        return subprocess.run(["/bin/sh", "-c", command], env=variables, stdout=sys.stderr, check=False).returncode

    def attach(self, command: Sequence[str], variables: Mapping[str, str]) -> int:
        """Run a program on this terminal; Ctrl-C is the program's alone."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            restored = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 (in the child, before it runs)
            running = {**self.inherited, **variables}
            ended = subprocess.run(
                command, env=running, stdout=sys.stdout, stderr=sys.stderr, check=False, preexec_fn=restored
            )
            return ended.returncode
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class LocalPackager:
    """Runs a build's commands on this machine; `say` gets their lines."""

    inherited: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _: None

    def run(self, command: Sequence[str], directory: Path, variables: Mapping[str, str]) -> None:
        code, errors = Program(command, directory, {**self._passed, **variables}).run(self.say)
        if code:
            words = shlex.join(command)
            raise Refused(
                f"{words} ended with exit code {code}.",
                state="Nothing was built of it.",
                remedy=f"See what it says, in {directory}: {words}",
                evidence=errors[-TAIL:],
            )

    def answer(self, command: Sequence[str], directory: Path) -> str:
        try:
            ended = subprocess.run(
                command, cwd=directory, env=self._passed, capture_output=True, text=True, timeout=WITHIN, check=True,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return ""
        return f"{ended.stdout}{ended.stderr}".strip()  # Java says its version on stderr

    @property
    def _passed(self) -> dict[str, str]:
        """Return the variables of this process that are no credentials."""
        return {name: value for name, value in self.inherited.items() if not CREDENTIALS.fullmatch(name)}
