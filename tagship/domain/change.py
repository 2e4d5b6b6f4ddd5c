"""A change: the intention to make units run an artifact, under a fencing number."""

from __future__ import annotations

from dataclasses import dataclass

from tagship.domain.version import ArtifactId


@dataclass(frozen=True)
class Change:
    """What units are asked to become.

    Only ids, digests and numbers travel to a unit. A unit that accepted a higher `fence` refuses the change.
    One that goes `backward` is a person's order to go back, whatever its action: units take no older version otherwise.
    If a unit `keeps` it whatever becomes of the others, units that change as one do not wait for each other (a heal).
    `allow_unsigned` comes from the environment's settings: a unit that was not prepared for it still refuses.
    """

    action: str  # deploy | rollback
    app: str
    environment: str
    artifact_id: ArtifactId
    manifest_sha256: str
    deployment_id: str
    fence: int
    allow_unsigned: bool = False
    backward: bool = False
    keeps: bool = False
