"""zero_downtime = false: two versions never run at once, and the verdict says how long nothing answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bundles import Bundle, make, settings
from tests.sandbox.machine import Machine, machine

USING = settings(zero_downtime=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        first = ship(one, "0.1.0-dev")
        answer = one.deploy(first)
        assert (answer.outcome, "gap" in answer.durations) == ("healthy", False), answer.output
        yield one


def ship(host: Machine, version: str, **hello: object) -> Bundle:
    bundle = make(version, hello, using=USING)
    bundle.put(host.bucket)
    return bundle


def test_the_old_version_is_stopped_before_the_new_one_is_started(host: Machine) -> None:
    answer = host.deploy(ship(host, "0.1.1-dev"))
    assert (answer.outcome, answer.serving, host.answers()) == ("healthy", "0.1.1-dev", "0.1.1-dev"), answer.output
    steps = [line["step"] for line in host.journal() if line["artifact"] == "0.1.1-dev"]
    assert steps.index("stop") < steps.index("start") < steps.index("check") < steps.index("commit")
    assert (steps.count("stop"), host.living()) == (1, ["0.1.1-dev"])


def test_the_verdict_says_how_long_the_gap_was(host: Machine) -> None:
    answer = host.deploy(ship(host, "0.1.1-dev"))
    assert 0 < answer.durations["gap"] <= answer.durations["total"]
    assert "Nothing answered for" in answer.output


def test_a_broken_version_gives_way_to_the_old_one_again(host: Machine) -> None:
    answer = host.deploy(ship(host, "0.1.1-dev", healthy=False))
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev"), answer.output
    assert (host.answers(), host.living()) == ("0.1.0-dev", ["0.1.0-dev"])
    assert answer.durations["gap"] > 0
    assert "it answered 500" in answer.reason


@pytest.mark.parametrize("step", ["drain", "stop", "start", "health", "switch", "check", "commit"])
def test_after_a_kill_the_next_action_puts_it_right(host: Machine, step: str) -> None:
    bundle = ship(host, "0.1.1-dev")
    host.run(host.order("deploy", bundle), {"TAGSHIP_KILL_AFTER": step})
    answer = host.deploy(bundle)
    assert answer.outcome in {"healthy", "unchanged"}, answer.output
    assert (host.answers(), host.living()) == ("0.1.1-dev", ["0.1.1-dev"])


def test_after_a_kill_a_rollback_brings_the_old_version_back(host: Machine) -> None:
    first = ship(host, "0.1.0-dev")
    host.run(host.order("deploy", ship(host, "0.1.1-dev")), {"TAGSHIP_KILL_AFTER": "start"})
    answer = host.rollback(first)
    assert (answer.outcome, host.answers(), host.living()) == ("healthy", "0.1.0-dev", ["0.1.0-dev"]), answer.output
