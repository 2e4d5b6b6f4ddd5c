"""What a target knows in advance that would make a change fail: it is asked for while the change is planned."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.text import either
from tagship.domain.units import Unit
from tagship.engine.artifacts import Stored
from tagship.errors import ArtifactMissing, Refused
from tagship.ports.app import App
from tagship.ports.target import Careful


def require_clear(app: App, environment: str, action: str, stored: Stored, units: Sequence[Unit]) -> bool:
    """Refuse a change that is known to fail; return whether anybody knows.

    Raises ArtifactMissing if the artifact lacks something, Refused for the rest.
    """
    target = app.target(environment)
    if not isinstance(target, Careful):
        return False
    obstacles = list(dict.fromkeys(target.obstacles(action, stored.manifest, stored.manifest_sha256, units)))
    for obstacle in obstacles:
        if obstacle.warns:
            app.screen.warn(obstacle.what)
    serious = [obstacle for obstacle in obstacles if not obstacle.warns]
    if serious:
        kind = ArtifactMissing if any(obstacle.artifact for obstacle in serious) else Refused
        sentences = ". ".join(obstacle.what[:1].upper() + obstacle.what[1:] for obstacle in serious)
        raise kind(f"{sentences}.", remedy=either(*dict.fromkeys(obstacle.remedy for obstacle in serious)))
    return True
