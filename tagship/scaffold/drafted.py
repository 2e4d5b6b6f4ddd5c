"""What init would write into a repository, and what its team should know of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tagship.scaffold.writing import FileChange
from tagship.scaffold.written import WrittenRecord


@dataclass
class Draft:
    """The files, and what is said of them.

    `update`: bring what init wrote earlier up to date. `kept` are of init's own, edited since, or of another version.
    `conflicts` are those that have both sides of a conflict in them. `targets` are make's, by verb.
    """

    update: bool = False
    changes: list[FileChange] = field(default_factory=list)
    kept: list[FileChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    record: WrittenRecord = field(default_factory=WrittenRecord)
