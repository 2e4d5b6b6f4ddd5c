"""The quickstart's own repository: the commands that it has one type, and the files that come of them."""

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
from tests.package.conftest import built_wheel
from tests.sandbox import shapes
from tests.sandbox.conftest import git
from tests.sandbox.shapes import REPOSITORY

PAGE = (REPOSITORY / "docs/quickstart.md").read_text("utf-8")
OWN = PAGE.split("## In a repository of your own", 1)[1]


def typed() -> list[str]:
    """The commands of the block after **Type**, without their comments."""
    block = OWN.split("**Type**", 1)[1].split("```\n", 2)[1]
    return [line.partition(" #")[0].strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The app that the page has one copy; this environment stands for what its Makefile would install."""
    root = tmp_path_factory.mktemp("own") / "shop"
    root.mkdir()
    for name in ("app.py", "hello.json"):
        shutil.copy(REPOSITORY / "examples/hello" / name, root / name)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.com")
    git(root, "add", ".")
    (root / ".tagship/venv").mkdir(parents=True)
    (root / ".tagship/venv/bin").symlink_to(Path(sys.executable).parent)
    yield root
    lifecycle.down(root)
    assert not processes.belonging(root / FOLDER)


def test_the_page_names_every_file_that_init_writes(root: Path) -> None:
    wheel = root.parent / "tagship-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"of the tests")
    said = shapes.run(root, str(Path(sys.executable).with_name("tagship")), "init", "--dry-run", "--source", str(wheel))
    names = re.findall(r"^new    (\S+) ", said, re.MULTILINE)
    assert len(names) > 10
    table = OWN.split("| file |", 1)[1].split("\n\n", 1)[0]
    assert all(f"`{name}`" in table or f"`{name.partition('/')[0]}/`" in table or name == "Makefile" for name in names)


def test_what_it_has_one_type_ships_a_first_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    init, commit, up, into, ship, status, rerun, down = typed()
    wheel = built_wheel(REPOSITORY, root.parent)
    assert "Written." in shapes.run(root, *init.split(), "--yes", "--source", str(wheel))
    (root / ".tagship/venv/.installed").touch()
    shapes.run(root, "sh", "-c", commit)
    assert "A practice clone, on the branch main, is ready" in shapes.run(root, *up.split())
    work = root / into.removeprefix("cd ")
    first = ship.replace("ARGS=--first", "ARGS=--first --yes").split(" ", 2)
    assert "0.1.0-dev is healthy on dev" in shapes.run(work, *first)
    assert "success" in shapes.run(work, *status.split())
    assert "No run has failed" in shapes.run(work, *rerun.split(), fails=True)
    said = shapes.run(work, "make", "status")
    assert "0.1.0-dev" in said
    assert "pip" not in said
    assert down.startswith("cd - && ")
    assert "The sandbox is down" in shapes.run(root, *down.removeprefix("cd - && ").split())
