"""Pull requests of the stand-in for GitHub: their numbers, states and heads, and no more.

https://docs.github.com/rest/pulls/pulls. POST /sandbox/faults {"pulls": {"51": "open"}} makes one, or closes it; an
event in the inbox does so too, and says what is at its head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tagship.sandbox.actions.refusals import NotFound

Query = dict[str, str]


class Pulls:
    """Pull requests by their numbers."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}  # open | closed
        self.heads: dict[str, str] = {}

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [("GET", r"/pulls", self.listed), ("GET", r"/pulls/(\d+)", self.single)]

    def listed(self, query: Query) -> list[dict[str, Any]]:
        """List a page of those in the state that is asked for."""
        wanted, size = query.get("state", "open"), int(query.get("per_page", 30))
        rows = [self.single(query, number) for number, state in self.states.items() if wanted in (state, "all")]
        first = size * (int(query.get("page", 1)) - 1)
        return rows[first : first + size]

    def single(self, _query: Query, number: str) -> dict[str, Any]:
        if number not in self.states:
            raise NotFound
        return {"number": int(number), "state": self.states[number], "head": {"sha": self.heads.get(number, "")}}

    def happened(self, action: str, pull: Mapping[str, Any]) -> None:
        """Take what an event says of a pull request."""
        number = str(pull.get("number", ""))
        if number:
            self.states[number] = "closed" if action == "closed" else "open"
            self.heads[number] = str(pull["head"]["sha"])
