"""The crash matrix: every step, two faults, both actions. CI runs a tenth, WHOLE=1 all; the table is printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.host.test_deploy import running
from tests.sandbox.bundles import Bundle

WHOLE = bool(os.environ.get("WHOLE"))
STEPS = ("accept", "pull", "environment", "start", "health", "switch", "check", "drain", "stop", "commit", "prune")
POINTED = STEPS[STEPS.index("check") :]  # from here on the proxy points at the new version
FAULTS = ("program killed", "host killed")
A_TENTH = {
    ("deploy", "health", "program killed"),
    ("deploy", "check", "host killed"),
    ("rollback", "stop", "program killed"),
    ("rollback", "commit", "host killed"),
}


class Cell(NamedTuple):
    action: str
    step: str
    fault: str


def cells() -> list[Cell]:
    """All of them; a rollback to a kept version pulls nothing."""
    every = [Cell(action, step, fault) for action in ("deploy", "rollback") for step in STEPS for fault in FAULTS]
    return [cell for cell in every if (cell.action, cell.step) != ("rollback", "pull") and (WHOLE or cell in A_TENTH)]


def test_whatever_dies_after_whatever_step_one_healthy_version_serves(
    host: Host, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shop.docker("0.1.0-dev"), shop.docker("0.1.1-dev", {"greeting": "good day"})
    found = {cell: outcome(lambda cell=cell: trial(host, first, second, cell)) for cell in cells()}  # type: ignore[misc]
    with capsys.disabled():
        print("\n" + table(found))
    assert [cell for cell, said in found.items() if not said.startswith("ok")] == []


def trial(host: Host, first: Bundle, second: Bundle, cell: Cell) -> str:
    """Cut an action off after a step; then one version serves, status tells the truth, and the next action works."""
    host.reset()
    assert host.deploy(host.publish(first)).outcome == "healthy"
    host.publish(second)
    old, new = first, second
    if cell.action == "rollback":
        assert host.deploy(second).outcome == "healthy"
        old, new = second, first
    done = host.machine.run(host.script(host.order(cell.action, new)), {"TAGSHIP_KILL_AFTER": cell.step}, timeout=120)
    assert (done.out, host.journal()[-1]) == ("", cell.step), done.out
    switched = cell.step in POINTED
    if cell.fault == "host killed":
        host.machine.kill()
        host.machine.boot()
        switched = cell.step == "prune"  # what was committed is what a boot starts
    serving = new.artifact if switched else old.artifact
    until(lambda: host.answers() == serving, 20, f"{serving} serves")
    status = host.status()
    assert (status.outcome, status.serving) == ("healthy", serving), status.output
    again = host.run(host.order(cell.action, new))
    assert again.outcome == ("unchanged" if switched else "healthy"), again.output
    assert (running(host), host.answers()) == ([new.artifact], new.artifact)
    return f"ok: {'new' if switched else 'old'}, then {again.outcome}"


def outcome(of: Callable[[], str]) -> str:
    try:
        return of()
    except AssertionError as problem:
        return f"FAILED: {str(problem)[:300]}"


def table(found: dict[Cell, str], steps: Sequence[str] = STEPS) -> str:
    """Steps down, faults across; a cell says which version served after the fault, and how the next action ended."""
    columns = [(action, fault) for action in ("deploy", "rollback") for fault in FAULTS]
    lines = [f"{'killed after':<13}" + "".join(f"{f'{action}, {fault}':<27}" for action, fault in columns)]
    for step in steps:
        row = "".join(f"{found.get(Cell(action, step, fault), '-'):<27}" for action, fault in columns)
        lines.append(f"{step:<13}{row}".rstrip())
    green = sum(said.startswith("ok") for said in found.values())
    return "\n".join([*lines, f"{green} of {len(found)} green"])
