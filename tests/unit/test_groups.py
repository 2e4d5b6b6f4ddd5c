"""Tests that share something dear do run in one process: pytest and pytest-xdist must agree on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SHARED = "tests/journeys/test_pipelines.py"  # its tests share a sandbox of their module
CASES = """
import os, pathlib, pytest

@pytest.mark.xdist_group("dear")
@pytest.mark.parametrize("case", range(6))
def test_it(case: int) -> None:
    pathlib.Path(__file__).with_name(f"by-{os.environ['PYTEST_XDIST_WORKER']}").touch()
"""


@pytest.mark.starts(Path(sys.executable).name)
def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_dear.py").write_text(CASES, "utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    ended = subprocess.run([*run, "--rootdir", ".", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "6 passed" in ended.stdout
    assert len(list(tmp_path.glob("by-*"))) == 1


@pytest.mark.starts(Path(sys.executable).name)
def test_what_this_suite_shares_is_a_group_before_it_is_handed_out() -> None:
    run = [sys.executable, "-m", "pytest", "-v", "-n", "1", "--setup-plan", SHARED]
    ended = subprocess.run(run, cwd=TOP, capture_output=True, text=True, check=False)
    named = [line.split()[0] for line in ended.stdout.splitlines() if line.startswith(f"{SHARED}::test_a_branch_of_")]
    assert [name.rpartition("@")[2] for name in named] == ["test_pipelines"], ended.stdout
