"""From the switch until the version before is gone the new one is watched: what turns bad then does not stay."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.breaking import WAYS, breaking, with_code
from tests.sandbox.bundles import Bundle, make, settings
from tests.sandbox.machine import Answer, Machine, machine

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
DRAIN = 8  # seconds at most
IGNORES_TERM = "import signal\nsignal.signal = lambda *_: None\n_ignore = __import__('_signal').signal(15, 1)"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def ship(host: Machine, version: str, code: str = "", **using: object) -> Bundle:
    bundle = make(version, using=settings(**{"drain": DRAIN, **using}), more=with_code(code))
    bundle.put(host.bucket)
    return bundle


def serve(host: Machine, code: str = "", **using: object) -> list[str]:
    """Deploy the version before; returns the record of its process."""
    answer = host.deploy(ship(host, OLD, code, **using))
    assert answer.outcome == "healthy", answer.output
    return host.record("blue")


@contextmanager
def slow_request(host: Machine, seconds: int) -> Iterator[list[str]]:
    """A request to what serves, under way while the block runs; what was answered, once the block is over."""
    said: list[str] = []

    def ask() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/sleep/{seconds}", timeout=60) as answer:
            said.append(answer.read().decode().strip())

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield said
    finally:
        asking.join()


def rolled_back(host: Machine, answer: Answer, reason: str) -> None:
    assert (answer.code, answer.outcome) == (6, "rolled-back"), answer.output
    assert (answer.serving, answer.previous, answer.reason) == (OLD, OLD, f"after the switch, {reason}")
    assert (host.answers(), host.living(), host.state()["serving"]) == (OLD, [OLD], OLD)
    assert f"hello {NEW} listens on port" in answer.evidence
    assert host.status().serving == OLD


@pytest.mark.parametrize("how", WAYS)
def test_what_turns_bad_while_the_version_before_is_drained_is_rolled_back(host: Machine, how: str) -> None:
    """The version before has a slow request: it is still there, was never stopped, and answers that request."""
    before = serve(host)
    bad = ship(host, NEW, breaking(how))
    with slow_request(host, 6) as said:
        answer = host.deploy(bad)
    rolled_back(host, answer, WAYS[how])
    assert (said, host.record("blue")) == ([OLD], before)
    steps = [line["step"] for line in host.journal() if line["artifact"] == NEW]
    assert steps[-3:] == ["drain", "undo", "end"]
    assert host.deploy(ship(host, "0.1.2-dev")).outcome == "healthy"


def test_it_is_noticed_at_once_that_the_process_died(host: Machine) -> None:
    serve(host)
    bad = ship(host, NEW, breaking("dies"))
    with slow_request(host, 7):
        assert host.deploy(bad).seconds < 6
        assert host.answers() == OLD


def test_a_rollback_to_what_turns_bad_is_rolled_back_too(host: Machine) -> None:
    serve(host)
    with slow_request(host, 6):
        answer = host.rollback(ship(host, NEW, breaking("dies")))
    rolled_back(host, answer, WAYS["dies"])


def test_with_nothing_to_drain_it_answers_once_more_before_the_version_before_is_stopped(host: Machine) -> None:
    before = serve(host)
    answer = host.deploy(ship(host, NEW, breaking("errs", seconds=0)))
    rolled_back(host, answer, WAYS["errs"])
    assert host.record("blue") == before


def test_a_first_version_answers_once_more_before_it_is_called_healthy(host: Machine) -> None:
    answer = host.deploy(ship(host, OLD, breaking("errs", seconds=0)))
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", ""), answer.output
    assert answer.reason == "after the switch, through the proxy, it answered 500"
    assert (host.answers(), host.living()) == ("", [])


def test_one_bad_answer_alone_is_asked_again(host: Machine) -> None:
    before = serve(host)
    answer = host.deploy(ship(host, NEW, breaking("", bad_answer=4)))
    assert (answer.outcome, answer.serving) == ("healthy", NEW), answer.output
    assert "After the switch, through the proxy, it answered 500: asking again." in answer.output
    assert host.record("blue") != before


def test_what_dies_while_the_version_before_stops_gives_way_to_it_in_a_fresh_process(host: Machine) -> None:
    """It ignores being told to stop, and is killed after ten seconds: time enough to die."""
    before = serve(host, IGNORES_TERM)
    answer = host.deploy(ship(host, NEW, breaking("dies", answers=4, seconds=2)))
    rolled_back(host, answer, WAYS["dies"])
    assert host.record("blue")[0] != before[0]


@pytest.mark.parametrize("how", ["dies", "errs"])
def test_what_turns_bad_after_the_version_before_had_to_stop_gives_way_to_it(host: Machine, how: str) -> None:
    serve(host, zero_downtime=False)
    answer = host.deploy(ship(host, NEW, breaking(how, seconds=1 if how == "dies" else 0), zero_downtime=False))
    rolled_back(host, answer, WAYS[how])
    assert 0 < answer.durations["gap"] <= answer.durations["total"]
    assert answer.output.count("Nothing answered for") == 2
