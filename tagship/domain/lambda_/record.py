"""What tagship writes in descriptions: of an alias, who changed it last; of a version, which artifact it is.

An alias's description is changed by the same call as what it names, guarded by its RevisionId: so the fencing number in
it is exact, and another process finds there what a dead one began. AWS takes 256 characters
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html); the longest names make 214.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tagship.domain.change import Change

MARK = "tagship"
NOTHING = "-"
BEGUN, DONE, ENDED = "begun", "done", "ended"  # ended: it failed, or was cancelled


@dataclass(frozen=True)
class Record:
    """The last change of an alias.

    `number` is the version that it named after that, `previous` and `previous_number` what it served before: an
    artifact's id, empty if tagship had not deployed it, and its version.
    """

    fence: int
    action: str
    deployment: str
    artifact: str
    state: str
    number: str
    previous: str
    previous_number: str

    @classmethod
    def of(cls, change: Change, state: str, number: str, previous: str, previous_number: str) -> Self:
        return cls(
            change.fence, change.action, change.deployment_id, change.artifact_id,
            state, number, previous, previous_number,
        )  # fmt: skip

    @property
    def serving(self) -> str:
        """Return the artifact of the version that the alias named."""
        return self.artifact if self.state == DONE else self.previous

    def belongs_to(self, change: Change) -> bool:
        """Tell whether this is the record of that very change."""
        mine = (change.action, change.deployment_id, change.artifact_id)
        return (self.action, self.deployment, self.artifact) == mine

    def text(self) -> str:
        words = (
            MARK, str(self.fence), self.action, self.deployment, self.artifact, self.state,
            self.number, self.previous, self.previous_number,
        )  # fmt: skip
        return " ".join(word or NOTHING for word in words)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read an alias's description; None if it is somebody else's."""
        mark, *words = text.split(" ")
        if mark != MARK or len(words) != 8 or not words[0].isdigit():
            return None
        fence, *rest = ("" if word == NOTHING else word for word in words)
        return cls(int(fence), *rest)


@dataclass(frozen=True)
class Label:
    """Which artifact a version is: its id, and its manifest's SHA-256."""

    artifact: str
    manifest_sha256: str

    def text(self) -> str:
        return f"{MARK} {self.artifact} {self.manifest_sha256}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a version's description; None if it is somebody else's."""
        words = text.split(" ")
        return cls(words[1], words[2]) if len(words) == 3 and words[0] == MARK else None
