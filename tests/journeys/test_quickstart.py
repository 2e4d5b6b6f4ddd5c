"""The quickstart's own repository: the files that `init` writes. Its commands are typed by tests/docs."""

from __future__ import annotations

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
