"""The quickstart's own repository: the files that it shows, and the commands that it has one type."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import FOLDER
from tests.sandbox import shapes
from tests.sandbox.conftest import git
from tests.sandbox.shapes import REPOSITORY

PAGE = (REPOSITORY / "docs/quickstart.md").read_text("utf-8")
OWN = PAGE.split("## In a repository of your own", 1)[1]
SHOWN = re.compile(r"^`([\w./]+)`[^\n]*\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORKFLOW = ".github/workflows/deploy-dev.yml"


def shown() -> dict[str, str]:
    """Each file of the section, by its name."""
    return dict(SHOWN.findall(OWN))


def typed() -> list[str]:
    """The commands of the block after **Type**, without their comments."""
    block = OWN.split("**Type**", 1)[1].split("```\n", 2)[1]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository made as the page says; this environment stands for what its Makefile would install."""
    root = tmp_path_factory.mktemp("own") / "shop"
    for name, text in {**shown(), "tagship.txt": "", "tagship.in": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    for name in ("app.py", "hello.json"):
        shutil.copy(REPOSITORY / "examples/hello" / name, root / name)
    (root / WORKFLOW).parent.mkdir()
    shutil.copy(REPOSITORY / WORKFLOW, root / WORKFLOW)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Ship with tagship")
    (root / ".venv").mkdir()
    (root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (root / ".venv/pyvenv.cfg").touch()
    (root / ".venv/.installed").touch()
    yield root
    lifecycle.down(root)
    assert not processes.belonging(root / FOLDER)


def test_the_page_shows_every_file_that_it_needs() -> None:
    assert set(shown()) == {"tasks.py", "tagship.toml", ".gitignore", "Makefile", ".github/actions/setup/action.yml"}
    assert "./.github/actions/setup" in (REPOSITORY / WORKFLOW).read_text("utf-8")
    assert "tagship.txt" in shown()[".github/actions/setup/action.yml"]


def test_the_actions_that_it_uses_are_those_of_this_repository() -> None:
    uses = re.findall(r"uses: (\S+@\S+)", shown()[".github/actions/setup/action.yml"])
    assert uses
    assert all(each in (REPOSITORY / ".github/actions/setup/action.yml").read_text("utf-8") for each in uses)


def test_what_it_has_one_type_ships_a_first_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    up, into, ship, status, rerun, down = typed()
    work = root / into.removeprefix("cd ")
    assert "A practice clone, on the branch dev, is ready" in shapes.run(root, *up.split())
    assert "0.1.0-dev is healthy on dev" in shapes.run(work, *ship.split(), "--yes")
    assert "success" in shapes.run(work, *status.split())
    assert "No run has failed" in shapes.run(work, *rerun.split(), fails=True)
    said = shapes.run(work, "make", "status")
    assert "0.1.0-dev" in said
    assert "pip" not in said
    assert down.startswith("cd - && ")
    assert "The sandbox is down" in shapes.run(root, *down.removeprefix("cd - && ").split())
