"""An artifact as functions need it: its packages, its image and its variables."""

from __future__ import annotations

from dataclasses import dataclass

from tagship.adapters.targets.carried import AGAIN, Carried
from tagship.domain.lambda_.record import Label
from tagship.domain.manifest import PackageRef
from tagship.errors import ArtifactMissing


@dataclass(frozen=True)
class Artifact(Carried):
    """The artifact of a change to functions."""

    @property
    def label(self) -> Label:
        return Label(self.change.artifact_id, self.change.manifest_sha256)

    def package(self, name: str) -> PackageRef:
        """Return a package. Raises ArtifactMissing."""
        if name not in self.manifest.packages:
            raise ArtifactMissing(f"{self.change.artifact_id} has no package {name}.", remedy=AGAIN)
        return self.manifest.packages[name]
