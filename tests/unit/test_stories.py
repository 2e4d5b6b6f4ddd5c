"""What the demo plays: each kind's example is a repository that its story can change and break."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from tagship.errors import UsageError
from tagship.sandbox.play.demo import play
from tagship.sandbox.play.stories import PLACEHOLDER, STORIES

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", STORIES)
def test_what_a_story_changes_is_in_the_sample_that_it_ships(kind: str) -> None:
    story = STORIES[kind]
    folder = TOP / "examples" / story.example if story.example else TOP
    config = json.loads((folder / story.sample).read_text("utf-8"))
    assert story.greeted.keys() | story.broken.keys() <= config.keys()
    assert {**config, **story.greeted} != config
    assert {**config, **story.broken} != config


@pytest.mark.parametrize("kind", [kind for kind, story in STORIES.items() if story.example])
def test_an_example_is_laid_over_a_clone_on_a_port_that_is_free(kind: str, tmp_path: Path) -> None:
    story = STORIES[kind]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    story.lay(TOP, tmp_path)
    text = (tmp_path / "tagship.toml").read_text("utf-8")
    assert kind in tomllib.loads(text)["environments"]["dev"]
    assert PLACEHOLDER not in text
    assert (tmp_path / "Dockerfile").is_file()
    assert not (tmp_path / "README.md").exists()


def test_a_kind_without_a_story_is_named_with_those_that_have_one() -> None:
    with pytest.raises(UsageError, match="Invalid --kind vms: ec2, ecs"):
        play(TOP, "vms")


def test_a_service_answers_at_the_url_of_its_settings(tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").write_bytes((TOP / "examples/ecs/tagship.toml").read_bytes())
    url = STORIES["ecs"].url(tmp_path, None)  # type: ignore[arg-type]
    assert url == f"http://127.0.0.1:{PLACEHOLDER}/healthz"
