"""The crash matrix of a job: every step, two faults, both actions. CI runs a tenth, WHOLE=1 all; the table is shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from tests.host.host import Host, Shop
from tests.host.matrix import FAULTS, Cut, Fault, Journal
from tests.host.test_job import by_timer, job, schedule
from tests.sandbox.bundles import Bundle

WHOLE = bool(os.environ.get("WHOLE"))
STEPS = ("accept", "pull", "environment", "start", "switch", "commit", "timer", "prune")
COMMITTED = ("timer", "prune")  # killed after these, the new version is the one that is committed
A_TENTH = {
    ("deploy", "start", "host"),
    ("deploy", "timer", "program"),
    ("rollback", "timer", "host"),
}
OLD, NEW = "*-01-01 03:30:00", "*-02-02 04:40:00"  # when the timers run them


class Cell(NamedTuple):
    action: str
    step: str
    fault: Fault


def cells() -> list[Cell]:
    """All of them; a rollback to a kept version pulls nothing."""
    every = [Cell(action, step, fault) for action in ("deploy", "rollback") for step in STEPS for fault in FAULTS]
    return [cell for cell in every if (cell.action, cell.step) != ("rollback", "pull") and (WHOLE or cell in A_TENTH)]


def test_whatever_dies_after_whatever_step_the_timer_runs_what_is_committed(
    host: Host, shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    first, second = job(shop, "0.1.0-dev", timer=OLD), job(shop, "0.1.1-dev", timer=NEW)
    for action in ("deploy", "rollback"):
        steps = [step for step in STEPS if (action, step) != ("rollback", "pull")]
        record_property("journal", tuple(Journal("docker, a job", action, steps)))
    cuts = [Cut("docker, a job", *cell, outcome(host, first, second, cell)) for cell in cells()]
    for cut in cuts:
        record_property("cut", tuple(cut))
    assert [cut for cut in cuts if not cut.said.startswith("ok")] == []


def outcome(host: Host, first: Bundle, second: Bundle, cell: Cell) -> str:
    try:
        return trial(host, first, second, cell)
    except AssertionError as problem:
        return f"FAILED: {str(problem)[:300]}"


def trial(host: Host, first: Bundle, second: Bundle, cell: Cell) -> str:
    """Cut an action off after a step; then the timer runs one version, status says which, and the next action works.

    A boot puts in place what was committed. Where the program alone was killed, between the two, the old one is still
    in place, and status says that.
    """
    host.reset()
    assert host.deploy(host.publish(first)).outcome == "healthy"
    host.publish(second)
    old, new = (first, OLD), (second, NEW)
    if cell.action == "rollback":
        assert host.deploy(second).outcome == "healthy"
        old, new = new, old
    script = host.script(host.order(cell.action, new[0]))
    done = host.machine.run(script, {"TAGSHIP_KILL_AFTER": cell.step}, timeout=120)
    assert (done.out, host.journal()[-1]) == ("", cell.step), done.out
    committed = cell.step in COMMITTED
    if cell.fault == "host":
        host.machine.kill()
        host.machine.boot()
    there = new if committed and (cell.step, cell.fault) != ("timer", "program") else old
    runs_by_timer(host, *there)
    status = host.status()
    assert (status.outcome, status.serving) == ("healthy", there[0].artifact), status.output
    assert ("was cut off" in status.reason) == (committed and there is old), status.output
    again = host.run(host.order(cell.action, new[0]))
    assert again.outcome == ("unchanged" if committed else "healthy"), again.output
    runs_by_timer(host, *new)
    assert host.machine.run("ls /opt/hello/run/next*").out == ""
    return f"ok: {'new' if there is new else 'old'}, then {again.outcome}"


def runs_by_timer(host: Host, bundle: Bundle, when: str) -> None:
    """The timer is active, enabled, and has that version's time; and what it starts is that version."""
    assert schedule(host) == ("active", "enabled", when)
    assert by_timer(host) == [bundle.artifact]
