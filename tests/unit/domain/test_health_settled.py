"""The same bad answer again and again is final; a slow start is not."""

from __future__ import annotations

import pytest

from tagship.domain.health import Sample, in_a_row, is_settled, under_way

BAD = Sample(500)


@pytest.mark.parametrize(
    ("samples", "times", "settled"),
    [
        ([BAD] * 3, 3, True),
        ([BAD] * 2, 3, False),
        ([Sample(0), Sample(0), BAD, BAD, BAD], 3, True),
        ([BAD, BAD, Sample(404)], 3, False),
        ([BAD, BAD, Sample(200, "0.1.0-dev"), BAD], 3, False),
        ([Sample(200, "0.1.0-dev")] * 3, 3, True),  # another version, each time
        ([Sample(503)] * 9, 3, False),
        ([Sample(502)] * 9, 3, False),
        ([Sample(504)] * 9, 3, False),
        ([Sample(0, problem="it does not listen")] * 9, 3, False),
        ([BAD] * 9, 0, False),
        (
            [Sample(0, said="it failed with KeyError")] * 3,
            3,
            True,
        ),  # a function, or a command: no status, and it answered
        ([Sample(0, said="it failed with KeyError"), *[Sample(0, said="it ended with 1")] * 2], 3, False),
    ],
)
def test_what_is_settled(samples: list[Sample], times: int, settled: bool) -> None:
    assert is_settled(samples, times) is settled


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (1, "attempt 1 of 15: it answered 500; up to 543 s more"),
        (5, "attempt 5 of 15: it answered 500; up to 528 s more"),
        (14, "attempt 14 of 15: it answered 500; up to 60 s more"),
        (15, "attempt 15 of 15: it answered 500; up to 0 s more"),
    ],
)
def test_how_far_it_is(attempt: int, words: str) -> None:
    assert under_way(attempt, 15, "it answered 500", 60) == words


def test_what_is_final_is_said_as_hosts_say_it() -> None:
    assert in_a_row("it answered 500", 7) == "it answered 500 (7 times in a row)"
