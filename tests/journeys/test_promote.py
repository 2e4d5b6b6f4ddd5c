"""promote and tested as they are typed: each environment has a key of its own, and runs the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.engine.trail import require_as_written
from tagship.sandbox import lifecycle
from tests.sandbox import shop
from tests.sandbox.conftest import git, start
from tests.sandbox.shop import Shop
from tests.spelled import by_inv

TAGSHIP = str(Path(sys.executable).with_name("tagship"))
ORDER = ("dev", "preprod", "prod")
PROMOTION = """
[promotion]
order = ["dev", "preprod", "prod"]
"""


def typed(root: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [TAGSHIP, *words],
        cwd=root,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dev, preprod and prod, a host and a key each."""
    # An environment's own suffix would be of another channel: the versions are dev's all the way.
    return shop.make(tmp_path_factory.mktemp("promote"), list(ORDER), head=shop.HEAD_WITH_KEYS + PROMOTION)


def test_the_same_bytes_run_in_three_environments_each_under_its_own_key(root: Path) -> None:
    running = start(root)
    try:
        places = {name: Shop(root, running, name) for name in ORDER}
        first = places["dev"].publish("0.1.0")
        typed(root, "deploy", "--version", first)
        refused = typed(root, "promote", "--all-the-way", "--yes", code=3)
        assert f" next: Run them, then record it: inv tested --version {first} --env dev" in by_inv(refused)
        typed(root, "tested", "--env", "dev")
        typed(root, "promote", "--from", "dev", "--to", "preprod", "--yes")
        typed(root, "tested", "--env", "preprod")
        typed(root, "promote", "--all-the-way", "--yes")
        assert [places[name].serving() for name in ORDER] == [[first]] * 3

        second = places["dev"].publish("0.1.1")
        typed(root, "deploy", "--version", second)
        typed(root, "tested", "--env", "dev")
        shown = typed(root, "promote", "--from", "dev", "--dry-run")
        assert "commits: 1 commit from" in shown
        assert "  - Say 0.1.1" in shown

        app = bootstrap.app(root)
        heads = [app.store.head(layout.artifact("hello", name, first, layout.BUNDLE)) for name in ORDER]
        assert len({(head.sha256, head.size) for head in heads if head}) == 1
        assert all(heads)
        assert len({app.keys(name).id for name in ORDER}) == 3
        for name in ORDER:
            require_as_written(app, name)
    finally:
        lifecycle.down(root)


def test_git_knows_nothing_of_it(root: Path) -> None:
    """Nothing was tagged, committed or built for the environments that it was promoted to."""
    assert git(root, "tag", "--list", "*-preprod", "*-prod") == ""
