"""Gates: what a version must pass on its way to an environment, each ok, blocked or not checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain.text import either
from tagship.errors import Refused


@dataclass(frozen=True)
class Gate:
    """One gate: ok, blocked, or not checked.

    `problem` says why it is blocked, `remedy` is the next command. `found` is what an ok one saw, or why it is not
    `checked`.
    """

    name: str
    found: str = ""
    problem: str = ""
    remedy: str = ""
    checked: bool = True

    @property
    def open(self) -> bool:
        return self.checked and not self.problem

    def rows(self) -> list[list[str]]:
        """Lay a gate out for a table: state, name, why."""
        # A blocked one has its remedy in a row below.
        if not self.problem:
            return [["ok" if self.checked else "not checked", self.name, self.found]]
        ways = [["", "", f"  {way.strip()}"] for way in self.remedy.split("\n")]
        return [["blocked", self.name, self.problem], *ways]

    def as_data(self) -> dict[str, object]:
        return {**asdict(self), "open": self.open}


LAST = ("units", "freeze", "lease", "order", "marks")  # the others lead elsewhere; the command goes through the last


def refuse(gates: Sequence[Gate], version: str, environment: str, command: str) -> None:
    """Raise Refused if a gate is blocked, with each one's way through.

    They stand in the order in which `command` gets there.
    """
    blocked = [gate for gate in gates if gate.problem]
    if blocked:
        names = ", ".join(gate.name for gate in blocked)
        are = "is" if len(blocked) == 1 else "are"
        problem = f"{version} can't go to {environment}: {len(blocked)} of {len(gates)} gates {are} blocked ({names})."
        raise Refused(problem, remedy=_ways(sorted(blocked, key=_place), command))


def _place(gate: Gate) -> int:
    return LAST.index(gate.name) if gate.name in LAST else -1


def _ways(blocked: Sequence[Gate], command: str) -> str:
    """List each way through, and the command if none has it."""
    if len(blocked) == 1:
        return blocked[0].remedy
    spelled = blocked[-1].name in {"lease", "order", "marks"} or _place(blocked[0]) < 0
    return either(*(f"{gate.name}: {gate.remedy}" for gate in blocked), "" if spelled else f"Then: {command}")
