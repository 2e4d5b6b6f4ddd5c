"""The same bad answer again and again is final; a slow start is not."""

from __future__ import annotations

import pytest

from tagship.domain.health import Sample, is_settled

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
    ],
)
def test_what_is_settled(samples: list[Sample], times: int, settled: bool) -> None:
    assert is_settled(samples, times) is settled
