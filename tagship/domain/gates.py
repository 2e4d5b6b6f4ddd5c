"""Gates: what a version must pass on its way to an environment, each ok or blocked, and the way through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.errors import Refused


@dataclass(frozen=True)
class Gate:
    """One gate, ok or blocked.

    `problem` says why it is blocked (empty: it is ok), `remedy` is the next command, `found` is what an ok one saw.
    """

    name: str
    found: str = ""
    problem: str = ""
    remedy: str = ""

    @property
    def open(self) -> bool:
        return not self.problem

    def rows(self) -> list[list[str]]:
        """Lay a gate out for a table: ok or blocked, name, why."""
        # A blocked one has its remedy in a row below.
        if self.open:
            return [["ok", self.name, self.found]]
        return [["blocked", self.name, self.problem], ["", "", f"  {self.remedy}"]]

    def as_data(self) -> dict[str, object]:
        return {**asdict(self), "open": self.open}


def refuse(gates: Sequence[Gate], version: str, environment: str) -> None:
    """Raise Refused if a gate is blocked, with the first one's remedy."""
    blocked = [gate for gate in gates if not gate.open]
    if blocked:
        names = ", ".join(gate.name for gate in blocked)
        are = "is" if len(blocked) == 1 else "are"
        problem = f"{version} can't go to {environment}: {len(blocked)} of {len(gates)} gates {are} blocked ({names})."
        raise Refused(problem, remedy=blocked[0].remedy)
