"""A repository that has never seen tagship's: the wheel alone ships a version, another, and takes it back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.test_quickstart import WORKFLOW, shown
from tests.package.conftest import TOP, Installed
from tests.sandbox.conftest import git

SANDBOX = ".tagship/sandbox"


@pytest.fixture
def shop(installed: Installed, tmp_path: Path) -> Iterator[Path]:
    """A repository as docs/quickstart.md has it: settings, a workflow, an app, and no deploy/."""
    root = tmp_path / "shop"
    for name, text in {**shown(), "tagship.txt": "", "tagship.in": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    for name in ("app.py", "hello.json"):
        shutil.copy(TOP / "examples/hello" / name, root / name)
    (root / WORKFLOW).parent.mkdir()
    shutil.copy(TOP / WORKFLOW, root / WORKFLOW)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Ship with tagship")
    yield root
    installed.run(root, "tagship", "sandbox", "down", "--yes")


def test_the_wheel_alone_ships_two_versions_and_takes_the_second_back(shop: Path, installed: Installed) -> None:
    assert "A practice clone" in installed.run(shop, "inv", "sandbox", "up")
    work = shop / SANDBOX / "work"
    assert "0.1.0-dev is healthy on dev" in installed.run(work, "inv", "deploy-dev", "--first", "--yes")
    (work / "hello.json").write_text((work / "hello.json").read_text("utf-8").replace("Hello", "Goodbye"), "utf-8")
    git(work, "commit", "--quiet", "--allow-empty", "-am", "Say goodbye")
    assert "0.1.1-dev is healthy on dev" in installed.run(work, "inv", "deploy-dev", "--yes")
    assert "0.1.0-dev" in installed.run(work, "inv", "rollback", "--to", "0.1.0-dev", "--yes")
    assert re.search(r"0\.1\.0-dev", installed.run(work, "inv", "status"))
    assert not (work / "deploy").exists()
