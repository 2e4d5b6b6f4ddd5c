"""A service's time, by the dates of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tagship.adapters.clock import AnswersClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class Count:
    """This machine's own count of seconds, which stands still while the machine sleeps."""

    seconds: float = 4711.0

    def __call__(self) -> float:
        return self.seconds


def test_before_the_first_answer_nothing_is_known() -> None:
    assert AnswersClock(Count()).now() is None


def test_between_two_answers_this_machines_count_carries_it_on() -> None:
    count = Count()
    clock = AnswersClock(count)
    assert clock.hear(NOON) == NOON
    count.seconds += 90
    assert clock.now() == NOON + timedelta(seconds=90)


def test_of_two_answers_the_one_that_took_less_time_counts() -> None:
    """A date is cut to the second and was under way: it is early by up to that, and never late."""
    count = Count()
    clock = AnswersClock(count)
    clock.hear(NOON)
    count.seconds += 10
    clock.hear(NOON + timedelta(seconds=9))
    assert clock.now() == NOON + timedelta(seconds=10)
    count.seconds += 10
    clock.hear(NOON + timedelta(seconds=21))
    assert clock.now() == NOON + timedelta(seconds=21)


def test_a_machine_that_slept_is_right_again_after_one_answer() -> None:
    count = Count()
    clock = AnswersClock(count)
    clock.hear(NOON)
    clock.hear(NOON + timedelta(hours=8))
    assert clock.now() == NOON + timedelta(hours=8)
