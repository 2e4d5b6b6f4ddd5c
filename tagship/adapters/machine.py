"""The programs on PATH, each asked for its version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WITHIN = 5.0  # seconds that a program may take to say its version
ASKED = {"terraform": ("version",)}  # the others know --version
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class LocalMachine:
    """This machine; see tagship.ports.machine."""

    inherited: Mapping[str, str]

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

    def run(self, command: str) -> int:
        """Run a command with the `inv` and `tagship` beside this Python."""
        path = os.pathsep.join([str(Path(sys.executable).parent), self.inherited.get("PATH", os.defpath)])
        variables = {**self.inherited, "PATH": path}
        return subprocess.run(["/bin/sh", "-c", command], env=variables, stdout=sys.stderr, check=False).returncode
