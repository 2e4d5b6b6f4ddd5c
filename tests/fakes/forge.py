"""A forge whose run goes the way the test wrote it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tagship.errors import ServiceFailed
from tagship.ports.forge import Notice, Run


class FakeForge:
    """`states` are told one a look, the last for ever; `appears_after` is how many looks find no run.

    `fails` is how many questions in a row go unanswered, from the first look at the run on. `during` is called at
    every look.
    """

    def __init__(
        self, *states: Run, notices: Sequence[Notice] = (), appears_after: int = 0, ci: str = "success"
    ) -> None:
        self.states = list(states)
        self.said = list(notices)
        self.appears_after = appears_after
        self.ci = ci
        self.fails = 0
        self.silence = ServiceFailed("GitHub answered 502.", remedy="Wait.")
        self.looks = 0
        self.asked: list[tuple[str, str]] = []
        self.during: Callable[[], None] = lambda: None

    @property
    def where(self) -> str:
        return "https://github.com/acme/hello/actions"

    def find_run(self, commit: str, tag: str) -> Run | None:
        self.asked.append((commit, tag))
        self.during()
        if len(self.asked) <= self.appears_after or not self.states:
            return None
        return self.states[0]

    def run(self, run_id: str) -> Run:
        self.looks += 1
        self.during()
        if self.fails:
            self.fails -= 1
            raise self.silence
        if len(self.states) > 1:
            self.states.pop(0)
        return self.states[0]

    def notices(self, run_id: str) -> Sequence[Notice]:
        return self.said

    def green(self, commit: str) -> str:
        return self.ci
