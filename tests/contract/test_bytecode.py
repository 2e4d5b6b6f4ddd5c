"""Python keeps what it compiles of tagship, and leaves nothing in somebody's repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("unwanted", ["", "1"])
def test_what_a_verb_imports_is_cached_and_nothing_of_the_repository(tmp_path: Path, unwanted: str) -> None:
    (tmp_path / "tasks.py").write_text("import helper\nfrom tagship.tasks import ns\n")
    (tmp_path / "helper.py").write_text("")
    cache = tmp_path / "cache"
    variables = {"PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": unwanted, "PYTHONPATH": str(TOP)}
    inv = [sys.executable, "-m", "invoke", "status"]  # without a tagship.toml: it ends early
    subprocess.run(inv, cwd=tmp_path, env=os.environ | variables, capture_output=True, check=False)
    cached = [str(path) for path in cache.rglob("*.pyc")]
    assert any("/tagship/bootstrap/__init__." in path for path in cached) == (not unwanted)
    assert not [path for path in cached if str(tmp_path) in path.removeprefix(str(cache))]
