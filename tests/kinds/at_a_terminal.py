"""Ctrl-C at a real terminal while units of AWS's change: what is asked there, and what each answer comes to."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from typing import Any

import pexpect

from tests.faults.ground import HERE
from tests.faults.remedies import next_lines
from tests.journeys.example import SECOND
from tests.journeys.prompts import DOWN, ENTER
from tests.journeys.test_interrupted import CTRL_C, rest
from tests.kinds.ground import LONGEST, PROGRAM, CarriedOn, Ground
from tests.kinds.leading_out import commands_of, settled, take
from tests.sandbox.conftest import until
from tests.terminal import at_rest

WIDTH = 80
QUESTION = "on its way, or stop it?"
ANSWERS = {"leave it": ENTER, "stop it": DOWN + ENTER, "Ctrl-C again": CTRL_C}


@dataclass
class Terminal:
    """A deployment that somebody watches in a window of 80 columns."""

    ground: Ground
    version: str
    written: io.StringIO = field(default_factory=io.StringIO)
    child: Any = None

    def deploy(self) -> None:
        variables = {"TERM": "xterm-256color", "PYTHONPATH": str(HERE)}
        self.child = pexpect.spawn(
            sys.executable, ["-c", PROGRAM, "deploy", "--version", self.version], cwd=str(self.ground.place.work),
            env=self.ground.environment() | variables, dimensions=(60, WIDTH), encoding="utf-8", timeout=120,
        )  # fmt: skip
        self.child.logfile_read = self.written
        self.ground.windows.append(self.child)

    def follows(self, unit: str) -> None:
        """Wait until the program follows a unit: before that, it has nothing to ask about."""
        self.child.expect_exact(f"{unit}: ")

    def interrupt(self) -> None:
        self.child.sendintr()

    def ask(self) -> list[str]:
        """Press Ctrl-C; the screen as the question stands."""
        self.interrupt()
        self.child.expect_exact(QUESTION)
        rest(self.child)
        return at_rest(self.written.getvalue())

    def answer(self, keys: str) -> None:
        self.child.send(keys)

    def end(self) -> tuple[list[str], int]:
        """The lines that stand in the end, and the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        lines = at_rest(self.written.getvalue())
        assert self.child.exitstatus is not None, lines
        return lines, self.child.exitstatus


def error(lines: list[str]) -> list[str]:
    """The lines of the error that stands last."""
    return lines[max(number for number, line in enumerate(lines) if line.startswith("error: ")) :]


def answered(ground: CarriedOn, window: Terminal, noun: str, answer: str) -> None:
    """Press Ctrl-C in a window whose deployment is under way, answer, and see what comes of it.

    What AWS does stands still until it is stopped, or left.
    """
    version = window.version
    asked = window.ask()
    at = next(number for number, line in enumerate(asked) if QUESTION in line)
    assert asked[at].startswith(f"? Leave {version} on its way, or stop it?"), asked
    assert [line.strip(" \u276f\u00bb") for line in asked[at + 1 :]] == [
        f"leave it: the {noun}s go on unwatched",
        f"stop it: the {noun}s go back",
    ], asked
    assert all(len(line) <= WIDTH for line in asked[at:]), asked
    window.answer(ANSWERS[answer])
    if answer == "stop it":
        until(ground.goes_back, LONGEST)
        ground.calm()
    lines, code = window.end()
    ground.calm()
    assert code == 130, lines
    assert "Traceback" not in "\n".join(lines)
    last = error(lines)
    if answer == "stop it":
        assert last[0] == f"error: Interrupted: {version} was taken back from 1 of 1 {noun}.", lines
        assert last[1] == f"  now: {SECOND} is serving.", lines
        assert ground.answers() == SECOND
        settled(ground, answer)
        return
    assert last[0] == f"error: Interrupted while the {noun}s were changing.", lines
    ways = commands_of(next_lines("\n".join(last)))
    assert ways[0].startswith("inv resume"), lines
    settled(ground, f"{answer} => {take(ground, ways[0])}")
    assert ground.answers() == version, "what was left went on, and is recorded"
