"""What `make bench-targets` prints and ends with: a figure that misses its target is no success."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bench import page, program
from scripts.bench.measure import Figure, ratio

GOOD = ratio("services", "a service brought to a version", 1.0, 1.0, 1.2)
BAD = ratio("functions", "seven functions flipped, beside one", 2.0, 1.0, 1.2)


def impossible(_folder: Path) -> list[Figure]:
    raise SystemExit("images needs skopeo: apt-get install skopeo")


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **benches: Callable[[Path], list[Figure]]) -> str:
    """Run it with these benches; what it ends with, empty if it ends well."""
    monkeypatch.setattr(program, "BENCHES", benches)
    monkeypatch.setattr(program, "TARGETS", tuple(benches))
    monkeypatch.setattr(sys, "argv", ["scripts.bench", *words])
    try:
        program.main()
    except SystemExit as end:
        return str(end.code)
    return ""


def test_all_met_ends_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--targets", services=lambda _: [GOOD]) == ""
    assert "1.00 x \u2264 1.2 x" in " ".join(capsys.readouterr().out.split())


def test_one_that_is_missed_is_marked_named_and_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run(monkeypatch, "--targets", services=lambda _: [GOOD], functions=lambda _: [BAD])
    assert ended == "missed: seven functions flipped, beside one"
    assert "2.00 x \u2264 1.2 x missed" in " ".join(capsys.readouterr().out.split())


def test_one_that_cannot_be_measured_takes_no_other_with_it_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run(monkeypatch, "--targets", images=impossible, services=lambda _: [GOOD])
    assert ended == "missed: images could not be measured"
    said = capsys.readouterr()
    assert "images needs skopeo" in said.err
    assert "a service brought to a version" in said.out


def test_by_name_a_figure_is_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "functions", functions=lambda _: [BAD]) == ""


@pytest.mark.parametrize("reason", [SystemExit("images needs skopeo"), OSError("no room")])
def test_with_all_what_cannot_be_measured_keeps_its_figures_and_ends_no_other(
    reason: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_folder: Path) -> list[Figure]:
        raise reason

    gathered: list[str] = []
    monkeypatch.setattr(page, "gather", lambda _place, measured, _names: gathered.extend(measured))
    assert run(monkeypatch, "--all", "--page", images=fails, services=lambda _: [GOOD]) == ""
    assert gathered == ["services"]
    said = capsys.readouterr()
    assert str(reason) in said.err
    assert "images could not be measured" in said.out


def test_make_bench_gathers_all_and_what_is_named_alone_if_it_is() -> None:
    makefile = Path(__file__).parents[2].joinpath("Makefile").read_text("utf-8")
    assert "-m scripts.bench --page $(or $(ARGS),--all) #" in makefile
    assert set(program.BENCHES) >= {"faults", "host", "fleet", "fleet-2000", "cleanup", "status", "ledger"}
