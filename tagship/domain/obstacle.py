"""What would make a change of an environment fail, seen before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Obstacle:
    """One thing that is in the way.

    `what` is a sentence without its full stop. `warns`: it is said, and holds nothing up. `artifact`: the artifact
    lacks something, and the environment is as it should be.
    """

    what: str
    remedy: str
    warns: bool = False
    artifact: bool = False
