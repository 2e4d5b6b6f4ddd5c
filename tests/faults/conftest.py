"""A sandbox of its own, and the figures that a run came to, printed at its end.

FAULTS=whole runs every count in full; without it a tenth runs, which every fault still takes part in.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tests.faults import matrix
from tests.sandbox.conftest import authorized, repository, start

HERE = Path(__file__).parents[2]
WHOLE = os.environ.get("FAULTS") == "whole"


def counted(whole: int) -> int:
    """How often something is done: all of it, or a tenth."""
    return whole if WHOLE else max(1, whole // 10)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a figure of this run; they are printed together at its end, whichever process they come from."""
    return lambda text: record_property("figure", text)


def pytest_configure(config: pytest.Config) -> None:
    """The matrix is drawn anew by each run; its processes fill it together."""
    if not hasattr(config, "workerinput"):
        matrix.clear(HERE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = matrix.draw(HERE)
    if table:
        terminalreporter.section("a fault at every side effect")
        terminalreporter.write_line(table)
        terminalreporter.write_line(f"kept in {matrix.FOLDER / matrix.TABLE}")
    reports = [one for word in ("passed", "failed") for one in terminalreporter.getreports(word) if one.when == "call"]
    figures = [str(value) for one in reports for name, value in one.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures" if WHOLE else "figures (a tenth; make bench-faults runs the whole)")
        for one in figures:
            terminalreporter.line(one)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox with one host, for what needs its bucket alone."""
    root = repository(tmp_path_factory.mktemp("faults"), {})
    yield start(root)
    lifecycle.down(root)


def happened(running: Running) -> dict[str, int]:
    """How many faults of each kind the sandbox has played so far."""
    with urllib.request.urlopen(authorized(running, f"{running.aws_url}/sandbox/faults")) as answer:
        found: dict[str, int] = json.load(answer)
    return found
