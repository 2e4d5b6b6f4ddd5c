"""init's remedies: what was typed, and what it lacked; and the way to an app in a folder of its own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from invoke.parser import Parser

from tagship.errors import UsageError
from tagship.tasks import ns
from tests.fakes.prompt import FakePrompt
from tests.unit.verbs.test_init import SERVICE, Here, begin, repository, wheel

__all__ = ["wheel"]


def flags(command: str) -> dict[str, Any]:
    """The flags of a command that is printed, by the parser that reads it when it is typed."""
    program, *words = shlex.split(command)
    assert program == "tagship"
    [task] = Parser(contexts=ns.to_contexts()).parse_argv(words)
    return {name: argument.value for name, argument in task.args.items() if argument.got_value}


def test_a_remedy_is_the_command_that_was_typed_with_what_it_lacks(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {"api/main.go": ""})
    with pytest.raises(UsageError, match="can't tell what starts the app") as caught:
        begin(root / "api", wheel, own_folder=True, previews=True, name="api", region="eu-west-1", dry_run=True)
    assert flags(caught.value.remedy.removeprefix("Say it: ")) == {
        "app": "api",
        "region": "eu-west-1",
        "command": "…",
        "source": str(wheel),
        "here": True,
        "previews": True,
        "dry-run": True,
        "yes": True,
    }


def test_what_is_asked_for_a_terminal_keeps_a_dry_run_out_and_the_answers_in(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    with pytest.raises(UsageError, match="no terminal to ask at") as caught:
        begin(root, wheel, yes=False, bucket="ours", previews=True)
    typed = flags(caught.value.remedy.removeprefix("Say it: "))
    assert typed == {"bucket": "ours", "source": str(wheel), "previews": True, "yes": True}


def test_a_wrong_answer_is_left_out_of_the_command_that_asks_for_it(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    with pytest.raises(UsageError) as caught:
        begin(root, wheel, name="Shop!", env="qa")
    typed = flags(caught.value.remedy.removeprefix("Say it: "))
    assert (typed["app"], typed["env"]) == ("…", "qa")


@pytest.mark.parametrize(("below", "mentioned"), [("api", True), ("", False)])
def test_whoever_stands_in_a_folder_reads_how_that_becomes_an_app_of_its_own(
    below: str, mentioned: bool, tmp_path: Path, wheel: Path
) -> None:
    root = repository(tmp_path / "shop", SERVICE | {"api/app.py": ""})
    here, _ = begin(root / below, wheel, dry_run=True, region="eu-west-1")
    way = f"  If api is an app of its own: tagship init --region eu-west-1 --source {wheel} --here --dry-run --yes"
    assert (way in here.screen.lines) is mentioned


def test_whoever_says_it_or_updates_is_not_asked_to_say_it(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE | {"api/app.py": ""})
    for given in ({"own_folder": True}, {"update": True}):
        here, _ = begin(root / "api", wheel, dry_run=True, **given)
        assert "app of its own" not in here.screen.text
    assert Here(root, FakePrompt()).surroundings.below == ""
