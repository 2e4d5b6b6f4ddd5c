"""What `sandbox up` and `down` look at before they act, and what Git sees of .tagship/."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tagship import settings
from tagship.adapters.git import GitRepository
from tagship.domain import commands
from tagship.errors import Refused, SettingsError, UsageError
from tagship.sandbox.play import guards, report, secrets
from tests.sandbox.conftest import git, repository


def test_missing_libraries_are_named_with_what_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LIBRARIES", ("no_such_library",))
    with pytest.raises(Refused, match="no_such_library") as caught:
        guards.require_libraries()
    assert "-m pip install 'moto[" in caught.value.remedy


def test_without_settings_the_command_that_writes_some_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no tagship\.toml") as caught:
        report.perform(report.Request("up"), tmp_path)
    assert caught.value.remedy.endswith("Or prepare this one: tagship init")


def test_settings_that_are_not_committed_are_refused(tmp_path: Path) -> None:
    root = repository(tmp_path, {})
    guards.require_committed(root, "dev")
    git(root, "rm", "--quiet", "--cached", settings.FILE)
    git(root, "commit", "--quiet", "-m", "Forget it")
    with pytest.raises(UsageError, match=r"has no tagship\.toml"):
        guards.require_committed(root, "dev")


def test_settings_that_are_not_on_the_branch_that_ships_are_refused_with_the_way_there(tmp_path: Path) -> None:
    root = repository(tmp_path, {})
    git(root, "branch", "dev")
    git(root, "switch", "--quiet", "-c", "adopt")
    (root / "tasks.py").touch()
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Adopt")
    with pytest.raises(UsageError, match=r"The branch dev has no tasks\.py") as caught:
        guards.require_committed(root, "dev")
    for command in caught.value.remedy.removeprefix("Bring it there: ").split(" && "):
        git(root, *command.split()[1:])
    guards.require_committed(root, "dev")


def test_the_folder_one_is_in_is_not_removed(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="would be removed") as caught:
        guards.require_nothing_lost(tmp_path, tmp_path / ".tagship/sandbox/work", partial(commands.sandbox, "reset"))
    assert caught.value.remedy.endswith("&& inv sandbox reset")


def test_git_sees_nothing_of_the_folder_and_names_a_link_ignored_as_a_folder(tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", {".gitignore": ".venv/\n"})
    (settings.own(root) / "secret").touch()
    (root / ".venv").symlink_to(tmp_path)
    state = GitRepository(root, inherited=os.environ).state("")
    assert (tuple(state.dirty), tuple(state.linked)) == ((".venv",), (".venv",))
    assert git(root, "status", "--porcelain") == "?? .venv"


def test_an_example_gives_names_and_values(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("# no\nA=1\nexport B='two words'\nC=\n")
    assert secrets.example(tmp_path / ".env.example") == {"A": "1", "B": "two words", "C": ""}
