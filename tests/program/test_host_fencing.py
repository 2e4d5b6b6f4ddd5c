"""One action at a time on a host, and none that was overtaken."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bundles import make
from tests.sandbox.conftest import until
from tests.sandbox.machine import Machine, machine


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        good = make("0.1.0-dev")
        good.put(one.bucket)
        assert one.deploy(good, fence=7).outcome == "healthy"
        make("0.1.1-dev").put(one.bucket)
        yield one


def snapshot(host: Machine) -> dict[str, bytes]:
    """Every file of the base, but for the action's own log."""
    files = [path for path in host.base.rglob("*") if path.is_file() and path.parent.name != "log"]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("action", ["deploy", "rollback", "prune"])
def test_a_lower_number_is_refused_and_changes_nothing(host: Machine, action: str) -> None:
    before = snapshot(host)
    bundle = None if action == "prune" else make("0.1.1-dev")
    answer = host.run(host.order(action, bundle, fence=6))
    assert (answer.code, answer.outcome, answer.serving) == (4, "held", "0.1.0-dev")
    assert "fencing number 6 is lower than 7" in answer.reason
    assert snapshot(host) == before
    assert host.answers() == "0.1.0-dev"


@pytest.mark.parametrize("fence", [7, 8, 1_000_007])
def test_an_equal_or_a_higher_number_acts(host: Machine, fence: int) -> None:
    assert host.deploy(make("0.1.1-dev"), fence=fence).outcome == "healthy"
    assert (host.base / "fence").read_text() == f"{fence}\n"


def test_a_higher_number_is_recorded_even_where_the_action_fails(host: Machine) -> None:
    assert host.deploy(make("9.9.9-dev"), fence=20).outcome == "refused"
    assert host.deploy(make("0.1.1-dev"), fence=19).outcome == "held"


def test_a_fence_that_cannot_be_read_is_no_permission(host: Machine) -> None:
    (host.base / "fence").write_text("seven\n")
    assert host.deploy(make("0.1.1-dev"), fence=20).outcome == "refused"


def waits(session: int) -> bool:
    """Whether an action waits for the app's answer, and for nothing else: its curl is there."""
    listed = subprocess.run(["ps", "-o", "comm=", "-s", str(session)], capture_output=True, text=True, check=False)
    return "curl" in listed.stdout.split()


def test_two_at_once(host: Machine) -> None:
    slow = make("0.1.1-dev", {"fault": "slow", "healthy": False, "delay": 2})
    slow.put(host.bucket)
    first = host.start(host.order("deploy", slow, fence=8))
    until(lambda: waits(first.pid))
    second = host.deploy(make("0.1.0-dev"), fence=9)
    assert (second.code, second.outcome) == (4, "held")
    assert "at the step health" in second.reason
    assert host.status().serving == "0.1.0-dev"
    output, _ = first.communicate(timeout=30)
    assert '"outcome":"healthy"' in output
    assert host.answers() == "0.1.1-dev"


def test_a_killed_action_does_not_keep_the_lock(host: Machine) -> None:
    """Killed alone, its curl and sleep live on for a moment: they do not hold it."""
    hangs = make("0.1.1-dev", {"fault": "hang", "healthy": False})
    hangs.put(host.bucket)
    process = host.start(host.order("deploy", hangs, fence=8))
    until(lambda: waits(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    good = make("0.1.2-dev")
    good.put(host.bucket)
    assert host.deploy(good, fence=9).outcome == "healthy"
    process.communicate()
    assert host.living() == ["0.1.2-dev"]
