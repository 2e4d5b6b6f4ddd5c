"""Repositories that have never seen tagship's: from nothing to deployed, and back again, by the wheel alone.

Nothing is edited by hand, and each takes ten commands or fewer, which are counted as they are typed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.package.conftest import TOP, Installed
from tests.package.teams import HELLO, SHAPES, Shape
from tests.sandbox.conftest import git

TEN = (TOP / "README.md").read_text("utf-8").partition("<!-- ten commands: begin -->\n```sh\n")[2].partition("```")[0]
ELSEWHERE = ("pipx install", "cd ")  # commands of the README's that need no shell here


@dataclass
class Terminal:
    """Somebody at a terminal; `typed` are the commands."""

    installed: Installed
    where: Path
    typed: list[str] = field(default_factory=list)

    def type(self, line: str) -> str:
        self.typed.append(line)
        return self.installed.run(self.where, "sh", "-c", line)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


@pytest.fixture
def terminal(
    shape: Shape, installed: Installed, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    if shape.go:  # as on GitHub's machines
        monkeypatch.setenv("PATH", f"{request.getfixturevalue('go')}{os.pathsep}{os.environ['PATH']}")
    root = tmp_path / shape.name
    for name, text in shape.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    git(root, "init", "--quiet", f"--initial-branch={shape.branch}")
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        git(root, "config", key, value)
    git(root, "add", ".")
    if shape.tags:
        git(root, "commit", "--quiet", "-m", "As it was")
    for tag in shape.tags:
        git(root, "tag", tag)
    yield Terminal(installed, root)
    installed.run(root, "tagship", "sandbox", "down", "--yes")


def lend_environment(root: Path, installed: Installed) -> None:
    """What `make` would install by the lock file is there: tests/package/test_locked.py installs it."""
    (root / ".tagship").mkdir(exist_ok=True)
    (root / ".tagship/venv").symlink_to(installed.folder)
    (installed.folder / ".installed").touch()


def test_the_wheel_alone_ships_two_versions_and_takes_the_second_back(
    shape: Shape, terminal: Terminal, installed: Installed
) -> None:
    root, before = terminal.where, dict(shape.files)
    terminal.type(f"tagship init --yes {shape.flags}")
    lend_environment(root, installed)
    terminal.type("git add . && git commit --quiet -m 'Ship with tagship'")
    started = terminal.type("make sandbox")
    assert f"A practice clone, on the branch {shape.branch}, is ready" in started
    assert f"  make {shape.deploy_dev} ARGS=--first\n" in started
    terminal.where = root / ".tagship/sandbox/work"
    assert "0.1.0-dev is healthy on dev" in terminal.type(f"make {shape.deploy_dev} ARGS='--first --yes'")
    terminal.type("echo more >> NOTES && git add NOTES && git commit --quiet -m 'Write more down'")
    assert "0.1.1-dev is healthy on dev" in terminal.type(f"make {shape.deploy_dev} ARGS=--yes")
    assert "0.1.0-dev" in terminal.type("make rollback ARGS='--to 0.1.0-dev --yes'")
    terminal.where /= shape.folder
    assert "0.1.0-dev" in terminal.type("tagship status").rpartition("RUNS")[2]
    assert len(terminal.typed) + len(ELSEWHERE) <= len(TEN.splitlines()) <= 10
    assert [line for line in TEN.splitlines() if line.startswith(ELSEWHERE)] == TEN.splitlines()[0::4][:2]
    kept = {name: text for name, text in before.items() if name not in ("Makefile", ".gitignore")}
    assert all((root / name).read_text("utf-8") == text for name, text in kept.items())


def test_it_is_done_a_second_time_without_a_word_of_change(installed: Installed, tmp_path: Path) -> None:
    """`init` finds where this wheel came from by itself."""
    shutil.copy(HELLO / "app.py", tmp_path / "app.py")
    git(tmp_path, "init", "--quiet")
    assert (tmp_path / "vendor").exists() is False
    installed.run(tmp_path, "tagship", "init", "--yes")
    assert (tmp_path / "vendor" / installed.wheel.name).read_bytes() == installed.wheel.read_bytes()
    assert "There is nothing to write." in installed.run(tmp_path, "tagship", "init", "--yes")
