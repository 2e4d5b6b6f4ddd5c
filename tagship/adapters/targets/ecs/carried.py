"""An artifact as services need it: its image by digest, and its variables."""

from __future__ import annotations

from tagship.adapters.targets.carried import Carried
from tagship.domain.ecs.record import RevisionLabel


class ImageArtifact(Carried):
    """The artifact of a change to services."""

    @property
    def label(self) -> RevisionLabel:
        return RevisionLabel(self.change.artifact_id, self.change.manifest_sha256)
