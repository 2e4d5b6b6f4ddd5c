"""Simulated hosts: the verdicts, the fencing and the memory of the real ones, without anything behind them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.ec2 import verdict
from tagship.domain.units import Report
from tagship.errors import UsageError
from tagship.sandbox.hosts.simulated import Behaviour, SimulatedHost
from tagship.sandbox.play import report
from tests.sandbox.conftest import SETTINGS, repository

Tell = Callable[..., Report]


@pytest.fixture
def host() -> SimulatedHost:
    return SimulatedHost("i-1", Path("/nowhere"), Behaviour(0, 0))


@pytest.fixture
def tell(host: SimulatedHost) -> Tell:
    """Give the host an order, and read its verdict as tagship does."""

    def told(action: str, artifact: str = "none", fence: int = 1) -> Report:
        _, out = host.obey({"action": [action], "artifact": [artifact], "fence": [str(fence)]}, threading.Event())
        return verdict.read("i-1", out, "no verdict")

    return told


def test_it_says_what_it_runs_and_what_it_ran(tell: Tell) -> None:
    assert tell("status").outcome == "empty"
    first, second = tell("deploy", "0.1.0-dev"), tell("deploy", "0.1.1-dev", 2)
    assert (first.outcome, first.serving, first.previous) == ("healthy", "0.1.0-dev", "")
    assert (second.serving, second.previous, list(second.kept)) == (
        "0.1.1-dev",
        "0.1.0-dev",
        ["0.1.1-dev", "0.1.0-dev"],
    )
    assert (tell("status", fence=0).outcome, tell("status", fence=0).serving) == ("healthy", "0.1.1-dev")
    assert tell("deploy", "0.1.1-dev", 2).outcome == "unchanged"
    assert tell("rollback", "0.1.0-dev", 3).serving == "0.1.0-dev"


def test_a_lower_fencing_number_is_held_and_changes_nothing(tell: Tell) -> None:
    tell("deploy", "0.1.0-dev", 7)
    assert tell("deploy", "0.1.1-dev", 6).outcome == "held"
    assert tell("status").serving == "0.1.0-dev"


def test_it_fails_as_it_was_told_and_a_rollback_does_not(host: SimulatedHost, tell: Tell) -> None:
    tell("deploy", "0.1.0-dev")
    host.behaviour.change({"failing": ["i-1"], "outcome": "rolled-back"})
    assert (tell("deploy", "0.1.1-dev").outcome, tell("status").serving) == ("rolled-back", "0.1.0-dev")
    host.behaviour.change({"outcome": "rollback-failed"})
    assert (tell("deploy", "0.1.1-dev").serving, tell("status").outcome) == ("", "empty")
    assert tell("rollback", "0.1.0-dev").outcome == "healthy"


def test_it_can_be_mute(host: SimulatedHost, tell: Tell) -> None:
    host.behaviour.change({"mute": ["i-1"]})
    assert tell("deploy", "0.1.0-dev").outcome == "silent"


def test_a_second_action_on_it_is_held_while_the_first_goes_on_and_cancelling_ends_that(host: SimulatedHost) -> None:
    host.behaviour.change({"stuck": ["i-1"]})
    stop, order = threading.Event(), {"action": ["deploy"], "artifact": ["0.1.0-dev"], "fence": ["1"]}
    found: list[Any] = []
    first = threading.Thread(target=lambda: found.append(host.obey(order, stop)))
    first.start()
    while host.fence == 0:
        pass
    assert json.loads(host.obey(order, threading.Event())[1].splitlines()[0])["outcome"] == "held"
    stop.set()
    first.join(5)
    assert found == [(137, "")]
    assert host.serving == ""


def test_it_obeys_no_other_document(host: SimulatedHost) -> None:
    assert host.obey({"commands": ["true"]}, threading.Event())[0] == 127


def test_the_switch_takes_a_number_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path, {"tagship.toml": SETTINGS})
    monkeypatch.setenv("TAGSHIP_SANDBOX_SIMULATED", "many")
    with pytest.raises(UsageError, match="TAGSHIP_SANDBOX_SIMULATED"):
        report.perform(report.Request("up"), root)
