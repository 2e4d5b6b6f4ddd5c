"""A forge whose run goes the way the test wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tagship.errors import ServiceFailed
from tagship.ports.forge import Home, Notice, Protection, PullRequest, Run


class FakeForge:
    """`states` are told one a look, the last for ever; `appears_after` is how many looks find no run.

    `fails` is how many questions about a run of this commit go unanswered, one after the other, once `answers` were
    answered. `during` is called at every look. `reruns` are the states of each attempt after the first, with the
    notices that it ends with; one that is not there is refused. `of_tag` maps a tag to a run of another commit's.
    `going` are the runs that have not ended. `gates` are the forge's environments, `owned` is its repository;
    `pulls` are the states of pull requests.
    """

    def __init__(
        self, *states: Run, notices: Sequence[Notice] = (), appears_after: int = 0, ci: str = "success"
    ) -> None:
        self.states = list(states)
        self.said = list(notices)
        self.appears_after = appears_after
        self.ci = ci
        self.fails = self.answers = 0
        self.silence = ServiceFailed("GitHub answered 502.", remedy="Wait.")
        self.looks = 0
        self.asked: list[tuple[str, str]] = []
        self.during: Callable[[], None] = lambda: None
        self.reruns: list[tuple[Sequence[Run], Sequence[Notice]]] = []
        self.rerun_asked: list[str] = []
        self.of_tag: dict[str, Run] = {}
        self.going: list[Run] = []
        self.pulls: dict[int, str] = {}
        self.heads: dict[int, str] = {}
        self.listed: list[int] | None = None  # of those that are open, where a listing is older than `pulls`
        self.gates: dict[str, Protection] = {}
        self.authors: dict[str, str] = {}  # of merged pull requests, by commit
        self.attested: dict[str, list[Mapping[str, Any]]] = {}  # bundles, by digest
        self.owned = Home("12", "34", "2024-01-01T00:00:00Z")

    @property
    def where(self) -> str:
        return "https://github.com/acme/hello/actions"

    def find_run(self, commit: str, tag: str) -> Run | None:
        self.asked.append((commit, tag))
        self.during()
        self._answer()
        if len(self.asked) <= self.appears_after or not self.states:
            return None
        return self.states[0]

    def attestations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        self._answer()
        return self.attested.get(digest, [])

    def run(self, run_id: str) -> Run:
        self.looks += 1
        self.during()
        self._answer()
        if len(self.states) > 1:
            self.states.pop(0)
        return self.states[0]

    def notices(self, run_id: str) -> Sequence[Notice]:
        self._answer()
        return self.said

    def author(self, commit: str) -> str:
        self._answer()
        return self.authors.get(commit, "")

    def find_tag_run(self, tag: str) -> Run | None:
        return self.of_tag.get(tag)

    def unfinished(self) -> Sequence[Run]:
        self.during()
        self._answer()
        return self.going

    def rerun(self, run_id: str) -> None:
        self._answer()
        self.rerun_asked.append(run_id)
        if not self.reruns:
            raise ServiceFailed("GitHub answered 403 (too old to be run again).", remedy="Look at the run.")
        states, self.said = self.reruns[0][0], list(self.reruns[0][1])
        self.states = [replace(state, attempt=state.attempt + len(self.rerun_asked)) for state in states]
        del self.reruns[0]

    def gate(self, environment: str) -> Protection | None:
        self._answer()
        return self.gates.get(environment)

    def home(self) -> Home:
        self._answer()
        return self.owned

    def pull_request(self, number: int) -> PullRequest:
        self._answer()
        return PullRequest(self.pulls.get(number, "missing"), self.heads.get(number, ""))

    def open_pull_requests(self) -> Sequence[int]:
        self._answer()
        now = [number for number, state in self.pulls.items() if state == "open"]
        return now if self.listed is None else self.listed

    def green(self, commit: str) -> str:
        return self.ci

    def _answer(self) -> None:
        if self.answers:
            self.answers -= 1
        elif self.fails:
            self.fails -= 1
            raise self.silence
