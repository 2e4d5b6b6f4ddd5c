"""What a unit says of itself before anything is deployed to it: room, and what is in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.domain.text import listed

LITTLE_KB, NO_KB = 1_000_000, 200_000
FEW_INODES, NO_INODES = 20_000, 1_000


@dataclass(frozen=True)
class Inspection:
    """The facts of a unit.

    `free_kb` and `free_inodes` are None if it does not count them. The others are names: `files` of the app's folder
    that tagship did not make, `units` of its service manager, `containers`, and the programs that listen on the app's
    `port`, and the `users` that its units ran as. `folders`: what is wrong with those that the settings name, and what
    helps; `proposed`: lines for them, by what ran before; `unmapped`: what has no such line.
    `ours`: tagship deploys there; `adopted`: it keeps what ran before.
    """

    free_kb: int | None = None
    free_inodes: int | None = None
    files: Sequence[str] = ()
    units: Sequence[str] = ()
    containers: Sequence[str] = ()
    port: Sequence[str] = ()
    users: Sequence[str] = ()
    folders: Sequence[tuple[str, str]] = ()
    proposed: Sequence[str] = ()
    unmapped: Sequence[str] = ()
    ours: bool = False
    adopted: str = "no"  # half: it was begun

    @property
    def full(self) -> str:
        """Say what there is too little of; or nothing."""
        return self._short_of(NO_KB, NO_INODES)

    @property
    def filling(self) -> str:
        """Say what there is little of; or nothing."""
        return self._short_of(LITTLE_KB, FEW_INODES)

    @property
    def before(self) -> bool:
        """Tell whether something ran here that is still to be adopted."""
        return not self.ours and bool(self.files or self.units or self.containers or self.adopted == "half")

    @property
    def in_the_way(self) -> str:
        """Say what ran or lay here before tagship; or nothing."""
        parts = {
            "the folder has {}": self.files,
            "the unit {}": self.units,
            "the container {}": self.containers,
            "the port is taken by {}": () if self.units or self.containers else self.port,
        }
        return "; ".join(words.format(listed(list(names))) for words, names in parts.items() if names)

    def _short_of(self, kilobytes: int, inodes: int) -> str:
        words = []
        if self.free_kb is not None and self.free_kb < kilobytes:
            words.append(f"{self.free_kb // 1000:,} MB free")
        if self.free_inodes is not None and self.free_inodes < inodes:
            words.append(f"{self.free_inodes:,} inodes free")
        return ", ".join(words)


def inspection_of(facts: Mapping[str, Any]) -> Inspection:
    """Read facts; what is not of the right kind is left out."""
    return Inspection(
        free_kb=_number(facts.get("free_kb")),
        free_inodes=_number(facts.get("free_inodes")),
        files=_names(facts.get("files")),
        units=_names(facts.get("units")),
        containers=_names(facts.get("containers")),
        port=_names(facts.get("port")),
        users=_names(facts.get("users")),
        folders=_pairs(facts.get("folders")),
        proposed=_names(facts.get("proposed")),
        unmapped=_names(facts.get("unmapped")),
        ours=facts.get("ours") == "yes",
        adopted=str(facts.get("adopted", "no")),
    )


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = value if isinstance(value, list) else []
    return tuple((str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, tuple) and len(pair) == 2)
