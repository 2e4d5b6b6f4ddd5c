"""What tagship writes in tags of a task definition: which artifact it is, and which change switched to it last.

The first is as old as the revision; the second is written anew when a rollback goes back to it. So another process
finds there what a dead one began, and the fencing number that was accepted. AWS takes 256 characters of letters,
digits, spaces and + - = . _ : / @ (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tagship.domain.change import Change

ARTIFACT, CHANGE = "tagship:artifact", "tagship:change"
SYSTEM = "aws:"  # how names of tags begin that only AWS may write
NOTHING = "-"


@dataclass(frozen=True)
class RevisionLabel:
    """Which artifact a revision is: its id, and its manifest's SHA-256."""

    artifact: str
    manifest_sha256: str

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self | None:
        """Read a revision's tags; None if it is somebody else's."""
        words = tags.get(ARTIFACT, "").split(" ")
        return cls(*words) if len(words) == 2 else None


@dataclass(frozen=True)
class RevisionRecord:
    """The last change that switched to a revision.

    `previous` and `previous_revision` are what the service ran before: an artifact's id, empty if tagship had not
    deployed it, and the name of its task definition.
    """

    fence: int
    action: str
    deployment: str
    previous: str
    previous_revision: str

    @classmethod
    def of(cls, change: Change, previous: str, previous_revision: str) -> Self:
        return cls(change.fence, change.action, change.deployment_id, previous, previous_revision)

    def belongs_to(self, change: Change) -> bool:
        """Tell whether this is the record of that very change."""
        return (self.action, self.deployment) == (change.action, change.deployment_id)

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self | None:
        """Read a revision's tags; None if it is somebody else's."""
        fence, *words = tags.get(CHANGE, "").split(" ")
        if len(words) != 4 or not fence.isdigit():
            return None
        return cls(int(fence), *("" if word == NOTHING else word for word in words))

    def text(self) -> str:
        words = (str(self.fence), self.action, self.deployment, self.previous, self.previous_revision)
        return " ".join(word or NOTHING for word in words)


def tags_of(label: RevisionLabel, record: RevisionRecord) -> dict[str, str]:
    """Write both as tags."""
    return {ARTIFACT: f"{label.artifact} {label.manifest_sha256}", CHANGE: record.text()}


def carried_over(tags: Mapping[str, str]) -> dict[str, str]:
    """Choose the tags that a new revision takes from another."""
    return {name: value for name, value in tags.items() if not name.startswith(SYSTEM)}
