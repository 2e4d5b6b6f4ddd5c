"""The questions that a person answers at a terminal: questionary, imported when something is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from tagship.domain.text import visible
from tagship.errors import Interrupted

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindingsBase, KeyPressEvent
    from questionary import Question

ANSWERS = {"": True, "y": True, "yes": True, "n": False, "no": False}


class TerminalPrompt:
    """Asks with questionary.

    `attended` is false if nobody is there to answer: under CI, or if a program reads the output.
    Its `.ask()` answers None to Ctrl-C, so the application is run directly.
    """

    def __init__(self, *, attended: bool = True) -> None:
        self._attended = attended

    @property
    def possible(self) -> bool:
        return self._attended and sys.stdin.isatty() and sys.stdout.isatty()

    def choose(self, question: str, choices: Mapping[str, str]) -> str:
        q = _questionary()
        offered = [q.Choice(visible(shown), value=value) for value, shown in choices.items()]
        return str(_asked(q.select(visible(question), offered, instruction=" ")))

    def text(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        def judged(entry: str) -> bool | str:
            return problem(entry) or True

        return str(_asked(_questionary().text(visible(question), default=default, validate=judged)))

    def confirm(self, question: str) -> bool:
        """Ask for yes or no; an empty answer is a yes."""

        # questionary's own confirm drops every key but y and n: "stop" and Enter would be a yes.
        def judged(entry: str) -> bool | str:
            return _meant(entry) in ANSWERS or "Type y or n"

        answer = _asked(_questionary().text(f"{visible(question)} (Y/n)", validate=judged))
        return ANSWERS[_meant(str(answer))]


def _meant(entry: str) -> str:
    return entry.strip().lower()


def _questionary() -> ModuleType:
    import questionary

    return questionary


def _asked(question: Question) -> object:
    question.application.key_bindings = _ending(question.application.key_bindings)
    try:
        return question.application.run(
            handle_sigint=False
        )  # prompt_toolkit would swallow a SIGINT that is not a key press
    except (KeyboardInterrupt, EOFError) as reason:
        raise Interrupted("Interrupted at the question.", remedy="Run it again") from reason


def _ending(bindings: KeyBindingsBase | None) -> KeyBindingsBase:
    """Let Ctrl-D end any question.

    A list would ignore it, and so would a line with text in it.
    """
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    end = KeyBindings()

    @end.add("c-d", eager=True)
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    return merge_key_bindings([*([bindings] if bindings else []), end])
