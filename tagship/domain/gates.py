"""Gates: what may stand between a version and an environment, each open or shut, with the way through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.errors import Refused


@dataclass(frozen=True)
class Gate:
    """`problem` says why it is shut (empty: it is open), `remedy` the next command, `found` what an open one saw."""

    name: str
    found: str = ""
    problem: str = ""
    remedy: str = ""

    @property
    def open(self) -> bool:
        return not self.problem

    def rows(self) -> list[list[str]]:
        """As a table has it: open or shut, the name, and what was found; below a shut one, its remedy."""
        if self.open:
            return [["open", self.name, self.found]]
        return [["SHUT", self.name, self.problem], ["", "", f"  {self.remedy}"]]

    def as_data(self) -> dict[str, object]:
        return {**asdict(self), "open": self.open}


def refuse(gates: Sequence[Gate], version: str, environment: str) -> None:
    """Raises Refused where a gate is shut, with the first one's remedy."""
    shut = [one for one in gates if not one.open]
    if shut:
        names = ", ".join(one.name for one in shut)
        counted = f"{len(shut)} of {len(gates)} gates" if len(shut) > 1 else f"One of {len(gates)} gates"
        stand = "stand" if len(shut) > 1 else "stands"
        raise Refused(f"{counted} {stand} between {version} and {environment}: {names}.", remedy=shut[0].remedy)
