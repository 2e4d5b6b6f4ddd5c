"""What tagship writes down of a group: on each version of its launch template, and in the bucket.

A version's description says which artifact it is. It never changes, so the version is the release: whatever launches an
instance from it, at any time, boots that artifact. The record in the bucket is the last change of the group. It is
written by compare-and-swap before anything is done, so the fencing number in it is exact, and another process finds
there what a dead one began. A description has at most 255 characters
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html); the longest has 178.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tagship.domain.change import Change
from tagship.domain.stored import ODD, read_back

MARK = "tagship"
KIND = "group"


@dataclass(frozen=True)
class VersionLabel:
    """Which artifact a version of a launch template boots."""

    artifact: str
    manifest_sha256: str
    deployment: str = ""  # by which it was made

    def text(self) -> str:
        return f"{MARK} {self.artifact} {self.manifest_sha256} {self.deployment}"

    def same(self, other: VersionLabel | None) -> bool:
        """Tell whether both boot the same bytes."""
        mine = (self.artifact, self.manifest_sha256)
        return other is not None and mine == (other.artifact, other.manifest_sha256)

    @classmethod
    def read(cls, description: str) -> Self | None:
        """Read a version's description; None if it is somebody else's."""
        words = description.split(" ")
        return cls(words[1], words[2], words[3]) if len(words) == 4 and words[0] == MARK else None


@dataclass(frozen=True)
class GroupRecord:
    """The last change of a group.

    `version` is what it goes to, and empty until that is made; `refresh` the id of its instance refresh. `previous` and
    `previous_version` are what the group had before: an artifact's id, empty if tagship had not deployed it, and the
    number of its version.
    """

    app: str
    environment: str
    group: str
    fence: int
    action: str
    deployment: str
    artifact: str
    manifest_sha256: str
    previous: str
    previous_version: str
    version: str = ""
    refresh: str = ""
    restored: bool = False  # it was put back by a refresh of its own
    why: str = ""  # it was
    kind: str = KIND
    tagship: int = 1

    @classmethod
    def of(cls, change: Change, group: str, previous: str, previous_version: str) -> Self:
        return cls(
            change.app, change.environment, group, change.fence, change.action, change.deployment_id,
            change.artifact_id, change.manifest_sha256, previous, previous_version,
        )  # fmt: skip

    @property
    def label(self) -> VersionLabel:
        return VersionLabel(self.artifact, self.manifest_sha256, self.deployment)

    def belongs_to(self, change: Change) -> bool:
        """Tell whether this is the record of that very change."""
        mine = (change.action, change.deployment_id, change.artifact_id)
        return (self.action, self.deployment, self.artifact) == mine

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, values: Mapping[str, Any], app: str, environment: str, group: str) -> Self | None:
        """Read a record's values; None if they are not of this group."""
        try:
            record = read_back(cls, values)
        except ODD:
            return None
        own = (record.kind, record.app, record.environment, record.group)
        return record if own == (KIND, app, environment, group) else None
