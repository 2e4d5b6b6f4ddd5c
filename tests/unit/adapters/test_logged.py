"""The phases that a log shows: each as it begins, and again while one lasts, so that a log is never long silent."""

from __future__ import annotations

import re
import time

from tagship.adapters.logged import LoggedPhases, logged


class Log:
    def __init__(self) -> None:
        self.now, self.lines = 0.0, list[str]()
        self.phases = LoggedPhases(self.say, clock=lambda: self.now)

    def say(self, line: str) -> None:
        self.lines.append(re.sub(r"^\d\d:\d\d:\d\d ", "", line))


def test_a_phase_that_lasts_is_named_again_every_ten_seconds() -> None:
    log = Log()
    log.phases.show("deploy")
    for log.now in (9.0, 12.0, 13.0, 23.0):
        log.phases.show("deploy")
        log.phases.remind(10)
    assert log.lines == ["deploy", "deploy: still waiting, 12 s", "deploy: still waiting, 23 s"]


def test_what_is_over_is_not_waited_for() -> None:
    log = Log()
    log.phases.remind(10)
    log.phases.show("build")
    log.phases.show("build", took=4.0)
    log.now = 30.0
    log.phases.remind(10)
    assert log.lines == ["build"]


def test_a_step_that_was_seen_only_when_it_was_over_has_a_line_as_the_others_have() -> None:
    log = Log()
    log.phases.show("check out", took=0.4)
    log.phases.show("notify", took=2.0)
    assert log.lines == ["notify"]


def test_somebody_who_shows_one_phase_and_waits_is_reminded_of_it() -> None:
    lines = list[str]()
    with logged(lines.append, silent=0.01) as show:
        show("waiting for CI to begin")
        deadline = time.monotonic() + 10
        while len(lines) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert lines[1].endswith("waiting for CI to begin: still waiting, 0 s")
