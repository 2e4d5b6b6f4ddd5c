"""A change: the intention to make units run an artifact, under a fencing number."""

from __future__ import annotations

from dataclasses import dataclass

from tagship.domain.version import ArtifactId


@dataclass(frozen=True)
class Change:
    """What units are asked to become. Nothing but ids, digests and numbers travels to a unit.

    A unit that has accepted a higher `fence` than this refuses it. `allow_unsigned` is the environment's settings'
    word: a unit that was not prepared for that refuses all the same.
    """

    action: str  # deploy | rollback
    app: str
    environment: str
    artifact_id: ArtifactId
    manifest_sha256: str
    deployment_id: str
    fence: int
    allow_unsigned: bool = False
