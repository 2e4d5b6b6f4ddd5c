"""The page of figures: a run puts in its own, leaves the others, and a target that was missed says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench import page
from scripts.bench.measure import Figure

GOOD = Figure("list", "listing", "90 ms", "80 ms", "1.12 x", "≤ 1.5 x", True)
BAD = Figure("fleet", "memory", "160 MB", "500 hosts", "160 MB", "< 150 MB", False)
NAMES = ("list", "fleet", "host")


@pytest.mark.starts("git")
def test_a_bench_without_figures_is_named_and_one_that_is_no_more_is_left_out(tmp_path: Path) -> None:
    place = tmp_path / "performance.md"
    page.gather(place, {"list": [GOOD]}, ["list", "fleet", "host"])
    assert "could: `fleet`, `host`.\n\n## list\n" in place.read_text("utf-8")
    page.gather(place, {"host": [GOOD]}, ["host"])
    assert "could:" not in place.read_text("utf-8")
    assert "## list" not in place.read_text("utf-8")


@pytest.mark.starts("git")
def test_a_run_puts_in_its_own_and_leaves_the_others(tmp_path: Path) -> None:
    place = tmp_path / "performance.md"
    page.gather(place, {"list": [GOOD], "fleet": [BAD]}, NAMES)
    first = place.read_text("utf-8")
    page.gather(place, {"list": [Figure("list", "listing", "70 ms", "80 ms", "0.88 x", "≤ 1.5 x", True)]}, NAMES)
    second = place.read_text("utf-8")
    assert "| memory | 160 MB | 500 hosts | 160 MB | < 150 MB | missed |" in second
    assert ("90 ms" in first, "90 ms" in second, "| 70 ms | 80 ms | 0.88 x |" in second) == (True, False, True)
    assert second.count("## list\n") == second.count("## fleet\n") == 1
    for said in ("`python -m scripts.bench list`", "cores of", "load ", "Python 3.", "git version", "boto3 "):
        assert said in second
