"""The prompt port: questionary on a real terminal of 80 columns, and the person who answers from a list."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import pexpect
import pytest

from tagship.adapters.prompt import TerminalPrompt
from tagship.errors import Interrupted
from tests.fakes.prompt import CTRL_C, FakePrompt

CHOICES = {"0.1.31-dev": "0.1.31-dev  (patch)", "0.2.0-dev": "0.2.0-dev  (minor)", "another": "another version …"}
QUESTIONS = {
    "choose": lambda prompt: prompt.choose("Which version is next?", CHOICES),
    "text": lambda prompt: prompt.text(
        "Version:", "0.1.31-dev", lambda entry: "" if entry.endswith("-dev") else "its suffix is not -dev"
    ),
    "confirm": lambda prompt: prompt.confirm("Tag it and push it?"),
}
PROGRAM = """
import sys
from tests.contract.test_prompt import QUESTIONS
from tagship.adapters.prompt import TerminalPrompt
from tagship.errors import Interrupted
try:
    print("answer=%r" % QUESTIONS[sys.argv[1]](TerminalPrompt()))
except Interrupted as reason:
    print("interrupted=%s" % reason.remedy)
"""
DOWN, ENTER, INTERRUPT, END, ERASE = "\x1b[B", "\r", "\x03", "\x04", "\x7f" * 12

# What is asked, the keys that a person presses, what a person who answers from a list says, and the answer.
TALKS: list[tuple[str, Sequence[str], Sequence[object], object]] = [
    ("choose", [ENTER], [""], "0.1.31-dev"),
    ("choose", [DOWN, ENTER], ["0.2.0-dev"], "0.2.0-dev"),
    ("choose", [DOWN, DOWN, ENTER], ["another"], "another"),
    ("choose", [INTERRUPT], [CTRL_C], Interrupted),
    ("choose", [END], [CTRL_C], Interrupted),
    ("text", [ENTER], [""], "0.1.31-dev"),
    ("text", [ERASE, "0.3.0-dev", ENTER], ["0.3.0-dev"], "0.3.0-dev"),
    ("text", [ERASE, "0.3.0", ENTER, "-dev", ENTER], ["0.3.0", "0.3.0-dev"], "0.3.0-dev"),
    ("text", [INTERRUPT], [CTRL_C], Interrupted),
    ("text", [END], [CTRL_C], Interrupted),
    ("confirm", [ENTER], [True], True),
    ("confirm", ["n", ENTER], [False], False),
    ("confirm", ["YES", ENTER], [True], True),
    ("confirm", ["stop", ENTER, ERASE, "No", ENTER], [False], False),
    ("confirm", [INTERRUPT], [CTRL_C], Interrupted),
    ("confirm", [END], [CTRL_C], Interrupted),
]


def asked(question: str) -> pexpect.spawn[str]:
    """The question on a terminal that never says where its cursor is; bootstrap sets that variable."""
    command, variables = ["-c", PROGRAM, question], {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1"}
    return pexpect.spawn(sys.executable, command, dimensions=(24, 80), encoding="utf-8", timeout=20, env=variables)


def at_a_terminal(question: str, keys: Sequence[str]) -> tuple[object, str]:
    """Press the keys, each once the screen rests; the answer, and everything that was shown."""
    child = asked(question)
    child.expect("next[?]|Version:|push it[?]")
    for key in keys:
        _rest(child)
        child.send(key)
    child.expect("(answer|interrupted)=([^\r\n]*)")
    kind, text = child.match[1], child.match[2]
    shown = child.before
    child.expect(pexpect.EOF)
    return (Interrupted if kind == "interrupted" else eval(text)), shown


def _rest(child: pexpect.spawn[str]) -> None:
    """Until nothing more is drawn: keys that come before a prompt is ready would be lost to it."""
    while True:
        try:
            child.expect(".+", timeout=0.15)
        except pexpect.TIMEOUT:
            return


def from_a_list(question: str, answers: Sequence[object]) -> object:
    try:
        return QUESTIONS[question](FakePrompt(*answers))
    except Interrupted:
        return Interrupted


@pytest.mark.parametrize(("question", "keys", "answers", "expected"), TALKS)
def test_both_give_the_same_answer(
    question: str, keys: Sequence[str], answers: Sequence[object], expected: object
) -> None:
    assert from_a_list(question, answers) == expected
    assert at_a_terminal(question, keys)[0] == expected


def test_the_reason_is_shown_while_one_types() -> None:
    child = asked("text")
    child.expect_exact("0.1.31-dev")
    _rest(child)
    child.send("x")
    child.expect_exact("its suffix is not -dev")
    child.sendcontrol("c")
    child.expect("interrupted=")
    child.expect(pexpect.EOF)


def test_the_terminal_is_never_asked_where_its_cursor_is() -> None:
    child = asked("choose")
    child.expect_exact("another version")
    assert "\x1b[6n" not in child.before
    child.sendcontrol("c")
    child.expect(pexpect.EOF)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    child = asked("choose")
    child.expect_exact("another version")
    assert not re.search(r"\x1b\[[0-9;]*[34]8;", child.before)
    child.sendcontrol("c")
    child.expect(pexpect.EOF)


@pytest.mark.parametrize(
    ("stdin", "stdout", "attended", "possible"),
    [
        (True, True, True, True),
        (False, True, True, False),
        (True, False, True, False),
        (True, True, False, False),
    ],
)
def test_questions_need_a_terminal_on_both_sides_and_somebody_there(
    monkeypatch: pytest.MonkeyPatch, stdin: bool, stdout: bool, attended: bool, possible: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: stdin, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: stdout, raising=False)
    assert TerminalPrompt(attended=attended).possible is possible


def test_a_person_without_a_terminal_is_not_asked() -> None:
    with pytest.raises(AssertionError, match="asked without a terminal"):
        FakePrompt(True, possible=False).confirm("Sure?")
