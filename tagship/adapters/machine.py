"""The programs on PATH, each asked for its version."""

from __future__ import annotations

import re
import subprocess

WITHIN = 5.0  # seconds that a program may take to say its version
ASKED = {"terraform": ("version",)}  # the others know --version
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


class LocalMachine:
    """This machine; see tagship.ports.machine."""

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
