"""What a target knows to be in the way is refused while a change is planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.domain.obstacle import Obstacle
from tagship.engine.obstacles import require_clear
from tagship.errors import ArtifactMissing, Refused
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget


@dataclass
class Careful(FakeTarget):
    known: Sequence[Obstacle] = field(default_factory=list)

    def obstacles(self, *_: Any) -> Sequence[Obstacle]:
        return self.known


@dataclass
class Stored:
    manifest: Any = None
    manifest_sha256: str = ""


def clear(*known: Obstacle) -> FakeApp:
    app = FakeApp(hosts=Careful(known=known))
    require_clear(app, "dev", "deploy", Stored(), ())  # type: ignore[arg-type]
    return app


RINGS = Obstacle("the alarm rings", "See why: aws", warns=False)


def test_a_target_that_knows_nothing_holds_nothing_up() -> None:
    assert not require_clear(FakeApp(), "dev", "deploy", Stored(), ())  # type: ignore[arg-type]


def test_a_warning_is_said_and_holds_nothing_up() -> None:
    assert "the alarm rings" in clear(Obstacle("the alarm rings", "", warns=True)).screen.text


def test_what_is_in_the_way_is_refused_each_thing_once_with_every_way_on() -> None:
    with pytest.raises(Refused) as caught:
        clear(RINGS, RINGS, Obstacle("web is Express", "Take it out"))
    assert caught.value.what == "The alarm rings. Web is Express."
    assert caught.value.remedy.count("See why") == 1
    assert "Take it out" in caught.value.remedy


def test_what_an_artifact_lacks_is_missing_and_not_refused() -> None:
    with pytest.raises(ArtifactMissing):
        clear(Obstacle("the image is gone", "Take another", artifact=True))
