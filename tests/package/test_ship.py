"""Repositories that have never seen tagship's: from nothing to deployed, and back again, by the wheel alone.

Nothing is edited by hand, and each takes ten commands or fewer, which are counted as they are typed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.package.conftest import TOP, Installed
from tests.sandbox.conftest import git

HELLO = TOP / "examples/hello"
APP = (HELLO / "app.py").read_text("utf-8")
GREETING = (HELLO / "hello.json").read_text("utf-8")
DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /srv
COPY . ./
USER nobody
"""
MAKEFILE = "test: ; @echo tested\ndeploy-dev: ; @echo by hand\ntag: ; @echo tagged by hand\n"
MOST = 10  # commands


@dataclass(frozen=True)
class Shape:
    """What a team has, and what it answers `init`."""

    files: dict[str, str]
    flags: str = ""
    tags: tuple[str, ...] = ()
    deploy_dev: str = "deploy-dev"


SHAPES = {
    "a service without history or remote": Shape({"app.py": APP, "hello.json": GREETING}),
    "a service in a container, with v tags": Shape(
        {"app.py": APP, "hello.json": GREETING, "Dockerfile": DOCKERFILE + 'CMD ["python3", "app.py"]\n'},
        tags=("v1.2.3",),
    ),
    "a batch job whose team has a Makefile and a deploy folder": Shape(
        {
            "Dockerfile": DOCKERFILE + 'CMD ["sh", "job.sh"]\n',
            "job.sh": 'echo "ran $VERSION"\n',
            "Makefile": MAKEFILE,
            "deploy/ec2_deploy.sh": "echo 'the old way'; exit 1\n",
            ".github/workflows/deploy-dev.yml": "on: workflow_dispatch\njobs: {}\n",
        },
        flags="--kind job",
        deploy_dev="tagship-deploy-dev",
    ),
    "a service with a Procfile": Shape(
        {"server.py": APP, "hello.json": GREETING, "Procfile": "web: python3 server.py\n"}
    ),
}


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
def terminal(shape: Shape, installed: Installed, tmp_path: Path) -> Iterator[Terminal]:
    root = tmp_path / "shop"
    for name, text in shape.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
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
    assert "A practice clone" in terminal.type("make sandbox")
    terminal.where = root / ".tagship/sandbox/work"
    assert "0.1.0-dev is healthy on dev" in terminal.type(f"make {shape.deploy_dev} ARGS='--first --yes'")
    terminal.type("echo more >> NOTES && git add NOTES && git commit --quiet -m 'Write more down'")
    assert "0.1.1-dev is healthy on dev" in terminal.type(f"make {shape.deploy_dev} ARGS=--yes")
    assert "0.1.0-dev" in terminal.type("make rollback ARGS='--to 0.1.0-dev --yes'")
    assert "0.1.0-dev" in terminal.type("make status").rpartition("RUNS")[2]
    assert len(terminal.typed) + len(["cd"]) <= MOST
    kept = {name: text for name, text in before.items() if name != "Makefile"}
    assert all((root / name).read_text("utf-8") == text for name, text in kept.items())


def test_it_is_done_a_second_time_without_a_word_of_change(installed: Installed, tmp_path: Path) -> None:
    """`init` finds where this wheel came from by itself."""
    shutil.copy(HELLO / "app.py", tmp_path / "app.py")
    git(tmp_path, "init", "--quiet")
    assert (tmp_path / "vendor").exists() is False
    installed.run(tmp_path, "tagship", "init", "--yes")
    assert (tmp_path / "vendor" / installed.wheel.name).read_bytes() == installed.wheel.read_bytes()
    assert "There is nothing to write." in installed.run(tmp_path, "tagship", "init", "--yes")
