"""`inv demo --kind`: each example goes from nothing to a rollback as the demo types it, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tagship.sandbox.play.stories import STORIES
from tests.journeys.test_release import BIN

TOP = Path(__file__).parents[2]
KINDS = list(STORIES) if os.environ.get("WHOLE") else ["ecs"]  # each takes long: all of them with WHOLE=1


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_shipped_broken_and_taken_back(kind: str, tmp_path: Path) -> None:
    own = {"TMPDIR": str(tmp_path), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["inv", "demo", "--kind", kind], cwd=TOP, env=os.environ | own, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Traceback" not in done.stdout, done.stdout
    for scene in range(1, 6):
        assert f"\n{scene}. " in done.stdout
    assert "The sandbox is down, and nothing was left behind." in done.stdout
    assert not list(tmp_path.glob("tagship-demo-*"))
