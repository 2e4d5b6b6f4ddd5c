"""Somebody at a terminal in a story: a line is typed into bash, and every question is answered by Enter."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from tests.terminal import at_rest

COLUMNS, ROWS = 120, 60
LONGEST = 240  # seconds that a command may take
NOTHING: Mapping[str, str] = {}
QUIET = 0.3  # seconds without output after which a question is taken to wait
SAVED = (
    'code=$?; trap - EXIT; pwd >"$STORY/where"; export -p >"$STORY/variables"; '
    'declare -f >"$STORY/functions"; exit $code'
)
KEPT = 'cd "$(cat "$STORY/where")"; . "$STORY/variables"; . "$STORY/functions"'


@dataclass
class Shell:
    """A shell whose folder, variables and functions last from one line to the next.

    `folder` is where these are kept; `where` is the first folder, `variables` the whole environment.
    """

    folder: Path
    where: Path
    variables: dict[str, str]
    typed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "where").write_text(f"{self.where}\n", "utf-8")
        (self.folder / "variables").write_text("", "utf-8")
        (self.folder / "functions").write_text("", "utf-8")

    def type(self, line: str, code: int = 0, then: Mapping[str, str] = NOTHING) -> str:
        """Type it; what the terminal shows in the end. Raises AssertionError if it ends with another code.

        Once a text of `then` is shown, what it maps to is typed: a line, or ^C.
        """
        self.typed.append(line)
        script = f"{KEPT}\ntrap {shlex.quote(SAVED)} EXIT\n{line}\n"
        child = pexpect.spawn(
            "bash", ["--noprofile", "--norc", "-c", script], cwd=str(self.where), encoding="utf-8",
            env=self.variables | {"STORY": str(self.folder)}, dimensions=(ROWS, COLUMNS), codec_errors="replace",
        )  # fmt: skip
        shown = _attended(child, then)
        child.close()
        ended = child.exitstatus if child.exitstatus is not None else -(child.signalstatus or 0)
        assert ended == code, f"$ {line}\n{shown}\nended with {ended}, not with {code}"
        return shown


def _attended(child: pexpect.spawn[str], then: Mapping[str, str]) -> str:
    """Read until it ends; Enter for each question, once it waits."""
    raw, answered, until = "", set[str](), time.monotonic() + LONGEST
    left = dict(then)
    while time.monotonic() < until:
        try:
            raw += child.read_nonblocking(65536, timeout=QUIET)
        except pexpect.TIMEOUT:
            for text in [text for text in left if text in raw]:
                line = left.pop(text)
                child.send("\x03" if line == "^C" else f"{line}\r")
            for question in _questions(raw) - answered:
                answered.add(question)
                child.send("\r")
        except pexpect.EOF:
            assert not left, f"it never showed {[*left]}:\n" + "\n".join(at_rest(raw))
            return "\n".join(at_rest(raw))
    child.terminate(force=True)
    raise AssertionError(f"after {LONGEST} s it had not ended:\n" + "\n".join(at_rest(raw)))


def _questions(raw: str) -> set[str]:
    """The questions on the screen, as they begin, each with the line that it stands on."""
    return {f"{number} {line[:40]}" for number, line in enumerate(at_rest(raw)) if re.match(r"\? \S", line)}
