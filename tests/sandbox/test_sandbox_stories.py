"""The examples that `inv demo --kind` ships: what the demo changes in them is there, and so is what breaks them.

That each ships is proved by tests/journeys, which type the same commands in them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tagship import settings
from tagship.errors import Refused, UsageError
from tagship.sandbox.play.demo import play_kind
from tagship.sandbox.play.stories import STORIES
from tests.sandbox.conftest import git

TOP = Path(__file__).parents[2]
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "a@b",
}


@pytest.mark.parametrize("kind", STORIES)
def test_an_example_is_of_its_kind_and_can_be_broken(kind: str, tmp_path: Path) -> None:
    story = STORIES[kind]
    story.make(TOP, tmp_path / "repository", {**os.environ, **IDENTITY})
    chosen = settings.load(tmp_path / "repository/tagship.toml", {})
    assert chosen.sandbox
    assert chosen.environment("dev").target.table == kind
    app = json.loads((tmp_path / "repository" / story.file).read_text("utf-8"))
    assert story.broken.keys() <= app.keys()
    assert {**app, **story.broken} != app
    assert "greeting" in app
    assert git(tmp_path / "repository", "status", "--porcelain") == ""


def test_a_service_answers_on_a_port_that_was_free(tmp_path: Path) -> None:
    story = STORIES["ecs"]
    places = set()
    for name in ("one", "other"):
        story.make(TOP, tmp_path / name, {**os.environ, **IDENTITY})
        places.add(story.url(tmp_path / name))
    assert all(place.startswith("http://127.0.0.1:") for place in places)
    assert ":8734/" not in "".join(places)


def test_an_unknown_kind_and_a_repository_without_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Invalid --kind 'fargate': there are ecs, lambda, asg"):
        play_kind(TOP, "fargate")
    with pytest.raises(Refused, match="There is no examples/asg"):
        play_kind(tmp_path, "asg")
