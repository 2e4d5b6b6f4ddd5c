"""Environments of pull requests: made from [previews] when they are named, and held to what an environment is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tagship.settings.asg import Asg
from tagship.settings.previews import ANY
from tests.unit.settings_text import APP

TOP = (
    APP
    + """\
[environments.dev.ec2]
tags = { a = "b" }
command = ["x"]
[previews]
ttl = 24
remove = ["cdk", "destroy", "hello-pr-{n}"]
[previews.environment]
variables = { HOST = "pr-{n}.hello.example" }
[previews.environment.asg]
groups = ["hello-pr-{n}"]
tags = { "tagship:environment" = "pr-{n}" }
command = ["python3", "app.py"]
"""
)


def read(folder: Path, text: str = TOP) -> Settings:
    (folder / "tagship.toml").write_text(text, "utf-8")
    return load(folder / "tagship.toml", {})


def test_a_preview_is_the_template_with_its_number(tmp_path: Path) -> None:
    chosen = read(tmp_path)
    preview = chosen.environment("pr-51")
    groups = preview.runs_on(Asg)
    assert groups
    assert (groups.groups, groups.tags) == (("hello-pr-51",), {"tagship:environment": "pr-51"})
    assert preview.variables == {"HOST": "pr-51.hello.example"}
    assert chosen.environment("pr-7").variables == {"HOST": "pr-7.hello.example"}


def test_going_through_all_finds_those_that_were_named(tmp_path: Path) -> None:
    chosen = read(tmp_path)
    assert list(chosen.environments) == ["dev"]
    assert chosen.is_preview("pr-51")
    chosen.environment("pr-51")
    assert list(chosen.environments) == ["dev", "pr-51"]
    assert b"VARIABLE_HOST=pr-51.hello.example" in chosen.files()["deploy/environments/pr-51.conf"]


@pytest.mark.parametrize("name", ["pr-0", "pr-", "pr-051", "pr-5x", "preprod"])
def test_another_name_is_no_preview(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="has no environment"):
        read(tmp_path).environment(name)


def test_without_a_template_there_are_no_previews(tmp_path: Path) -> None:
    chosen = read(tmp_path, TOP.partition("[previews]")[0])
    assert not chosen.is_preview("pr-51")
    with pytest.raises(SettingsError, match="has no environment"):
        chosen.environment("pr-51")


def test_an_environment_of_the_file_is_its_own_whatever_its_name(tmp_path: Path) -> None:
    text = TOP.replace("environments.dev.ec2", "environments.pr-9.ec2")
    assert not read(tmp_path, text).is_preview("pr-9")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{n}", "", "previews.environment: names no pull request"),
        ("groups =", "grups =", "previews.environment.asg.grups"),
        ('command = ["python3", "app.py"]\n', "", "previews.environment.asg.command"),
        ("ttl = 24", "ttl = 0", "previews.ttl: must be 1 or more"),
        ('remove = ["cdk", "destroy", "hello-pr-{n}"]', "", "previews.remove: is missing"),
    ],
)
def test_a_template_that_cannot_work_is_told_when_it_is_read(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, TOP.replace(old, new))
    assert problem in caught.value.what


def test_what_stands_for_all_previews_is_no_environment_that_somebody_lists(tmp_path: Path) -> None:
    chosen = read(tmp_path)
    for name in chosen.environments:  # what asks for the account of all of them must not add one meanwhile
        chosen.environment(f"pr-{ANY}")
        assert chosen.environment(name)
    assert list(chosen.environments) == ["dev"]
