"""The host program killed after every step of its journal: one healthy version serves all the while, status tells the
truth, and the next action finishes or undoes what was cut off."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.bundles import Bundle, make, settings
from tests.sandbox.machine import Machine, machine, runs

FETCHING = ["accept", "fetch", "verify", "unpack"]
STARTING = ["environment", "start", "health", "switch"]
SWITCHED = ["check", "drain", "stop", "commit", "prune", "end"]


def ship(host: Machine, artifact: str, fault: str = "") -> Bundle:
    """An artifact put where the host finds it; nothing is deployed."""
    bundle = make(artifact, {"fault": fault, "healthy": False} if fault else {}, using=settings(health={"attempts": 2}))
    bundle.put(host.bucket)
    return bundle


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host on which 0.1.0-dev serves."""
    with machine(tmp_path) as one:
        assert one.deploy(ship(one, "0.1.0-dev")).outcome == "healthy"
        yield one


def cut_off(host: Machine, bundle: Bundle, step: str) -> None:
    """Deploy a bundle, killed right after it wrote `step` in its journal."""
    answer = host.deploy(bundle, {"TAGSHIP_KILL_AFTER": step})
    assert answer.code == -signal.SIGKILL, f"{step} was never reached: {answer.output}"
    assert answer.output == ""
    assert host.journal()[-1]["step"] == step


@contextmanager
def watched(host: Machine) -> Iterator[list[str]]:
    """Requests on the app's port, one after another; yields what went wrong with any of them."""
    wrong: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/", timeout=5) as answer:
                    answer.read()
            except OSError as problem:
                wrong.append(repr(problem))
            time.sleep(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield wrong
    finally:
        done.set()
        asking.join()


@pytest.mark.parametrize("step", [*FETCHING, *STARTING, *SWITCHED])
def test_a_deployment_cut_off_anywhere(host: Machine, step: str) -> None:
    second, third = ship(host, "0.1.1-dev"), ship(host, "0.1.2-dev")
    with watched(host) as wrong:
        cut_off(host, second, step)
        serving = "0.1.1-dev" if step in SWITCHED else "0.1.0-dev"
        assert host.answers() == serving
        status = host.status()
        assert (status.outcome, status.serving) == ("healthy", serving)
        answer = host.deploy(third)
    assert (answer.outcome, answer.previous) == ("healthy", serving), answer.output
    assert (host.answers(), host.living()) == ("0.1.2-dev", ["0.1.2-dev"])
    assert host.state()["previous"] == serving
    assert not list((host.base / "incoming").iterdir())
    assert wrong == []


@pytest.mark.parametrize("step", [*FETCHING, *STARTING, *SWITCHED])
def test_the_same_deployment_again_after_it_was_cut_off(host: Machine, step: str) -> None:
    second = ship(host, "0.1.1-dev")
    with watched(host) as wrong:
        cut_off(host, second, step)
        answer = host.deploy(second)
    assert answer.outcome == ("unchanged" if step in SWITCHED else "healthy"), answer.output
    assert (host.answers(), host.living()) == ("0.1.1-dev", ["0.1.1-dev"])
    assert (host.state()["serving"], host.state()["previous"]) == ("0.1.1-dev", "0.1.0-dev")
    assert wrong == []


@pytest.mark.parametrize("step", [*FETCHING, *STARTING, *SWITCHED])
def test_a_first_deployment_cut_off_anywhere(tmp_path: Path, step: str) -> None:
    with machine(tmp_path) as host:
        cut_off(host, ship(host, "0.1.0-dev"), step)
        serving = "0.1.0-dev" if step in SWITCHED else ""
        assert (host.answers(), host.status().serving) == (serving, serving)
        answer = host.deploy(ship(host, "0.1.1-dev"))
        assert (answer.outcome, answer.previous) == ("healthy", serving)
        assert (host.answers(), host.living()) == ("0.1.1-dev", ["0.1.1-dev"])


@pytest.mark.parametrize(("fault", "step"), [("error", "undo"), ("error", "end"), ("fades", "undo"), ("fades", "end")])
def test_a_failure_cut_off_while_it_is_undone(host: Machine, fault: str, step: str) -> None:
    cut_off(host, ship(host, "0.1.1-dev", fault), step)
    answer = host.deploy(ship(host, "0.1.2-dev"))
    assert (answer.outcome, answer.previous) == ("healthy", "0.1.0-dev"), answer.output
    assert (host.answers(), host.living()) == ("0.1.2-dev", ["0.1.2-dev"])


def test_what_was_being_undone_is_not_finished_though_it_answers(host: Machine) -> None:
    """A version is put back for a reason: that it answers by now does not make it the one that serves."""
    cut_off(host, ship(host, "0.1.1-dev"), "check")
    with (host.base / "journal.jsonl").open("a") as journal:
        journal.write('{"at":"","deployment":"d","action":"deploy","artifact":"0.1.1-dev","fence":2,"step":"undo"}\n')
    answer = host.deploy(ship(host, "0.1.2-dev"))
    assert (answer.outcome, answer.previous) == ("healthy", "0.1.0-dev")


@pytest.mark.parametrize("step", ["finish", "undo", "recover"])
def test_a_recovery_cut_off_itself(host: Machine, step: str) -> None:
    cut_off(host, ship(host, "0.1.1-dev"), "health" if step == "recover" else "check")
    if step == "undo":
        os.kill(int(host.record("green")[0]), signal.SIGKILL)
    third = ship(host, "0.1.2-dev")
    cut_off(host, third, step)
    answer = host.deploy(third)
    assert (answer.outcome, answer.previous) == ("healthy", "0.1.1-dev" if step == "finish" else "0.1.0-dev")
    assert (host.answers(), host.living()) == ("0.1.2-dev", ["0.1.2-dev"])


def test_a_revival_cut_off(host: Machine) -> None:
    os.kill(int(host.record("blue")[0]), signal.SIGKILL)
    cut_off(host, ship(host, "0.1.1-dev", "crash"), "revive")
    answer = host.deploy(ship(host, "0.1.2-dev"))
    assert answer.outcome == "healthy"
    assert (host.answers(), host.living()) == ("0.1.2-dev", ["0.1.2-dev"])


@pytest.mark.parametrize("step", ["start", "health", "check", "drain", "stop", "commit"])
def test_every_process_gone_at_once_as_in_a_power_cut(host: Machine, step: str) -> None:
    second = ship(host, "0.1.1-dev")
    cut_off(host, second, step)
    pids = [host.record(name)[0] for name in ("blue", "green", "proxy") if host.record(name)]
    host.tear_down()
    assert not any(runs(pid) for pid in pids)
    answer = host.deploy(second)
    assert answer.outcome == "healthy", answer.output
    assert (host.answers(), host.living()) == ("0.1.1-dev", ["0.1.1-dev"])


def test_the_agent_kills_the_whole_process_group_at_any_moment(host: Machine) -> None:
    """What a cancelled or timed-out command gets: no trap runs. At moments spread over a whole deployment."""
    with watched(host) as wrong:
        for number in range(1, 13):
            bundle = ship(host, f"0.2.{number}-dev")
            process = host.start(host.order("deploy", bundle))
            time.sleep(0.04 * number)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            assert host.answers() == host.status().serving != ""
        answer = host.deploy(ship(host, "0.3.0-dev"))
    assert answer.outcome == "healthy", answer.output
    assert (host.answers(), host.living()) == ("0.3.0-dev", ["0.3.0-dev"])
    assert wrong == []


def test_a_journal_torn_by_a_power_cut_is_no_obstacle(host: Machine) -> None:
    with (host.base / "journal.jsonl").open("a") as journal:
        journal.write('{"at":"2026-11-20T15:53:01Z","deploym')
    assert host.deploy(ship(host, "0.1.1-dev")).outcome == "healthy"


def test_the_kill_switch_does_nothing_when_it_is_not_set(host: Machine) -> None:
    assert host.deploy(ship(host, "0.1.1-dev"), {"TAGSHIP_KILL_AFTER": ""}).outcome == "healthy"
