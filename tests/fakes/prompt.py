"""A person who answers from a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tagship.errors import Interrupted

CTRL_C = object()


class FakePrompt:
    """Give the answers in order; CTRL_C is one. `choose` also takes "" for what is preselected.

    `asked` holds the questions, `offered` the choices of each `choose`, `problems` what free entry complained of.
    An answer that free entry refuses is followed by the next one, as a person would type again.
    """

    def __init__(self, *answers: object, possible: bool = True) -> None:
        self.answers = list(answers)
        self._possible = possible
        self.asked: list[str] = []
        self.offered: list[dict[str, str]] = []
        self.problems: list[str] = []

    @property
    def possible(self) -> bool:
        return self._possible

    def choose(self, question: str, choices: Mapping[str, str]) -> str:
        self.offered.append(dict(choices))
        answer = self._next(question) or next(iter(choices))
        assert answer in choices, f"{answer!r} is not offered: {list(choices)}"
        return str(answer)

    def text(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        while True:
            answer = str(self._next(question) or default)
            found = problem(answer)
            if not found:
                return answer
            self.problems.append(found)

    def confirm(self, question: str) -> bool:
        return bool(self._next(question))

    def _next(self, question: str) -> object:
        assert self._possible, f"asked without a terminal: {question}"
        assert self.answers, f"no answer is left for: {question}"
        self.asked.append(question)
        answer = self.answers.pop(0)
        if answer is CTRL_C:
            raise Interrupted("Interrupted at the question.", remedy="Run the same command again.")
        return answer
