"""Health: how long to wait, and what the answers mean. The verdict is a pure function of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def waits(attempts: int, cap: float = 60.0) -> list[float]:
    """Seconds to wait between attempts: min(2^(n-1), cap) after the n-th, and none after the last.

    15 attempts wait 543 s in all (not "about 15 minutes": the last wait is never due).
    """
    return [min(2.0**n, cap) for n in range(attempts - 1)]


@dataclass(frozen=True)
class Sample:
    """One answer: HTTP status (0: none came), the version in it, and what was wrong if none came."""

    status: int
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Verdict:
    """`healthy` or the reason why not; `attempts` is how many samples were looked at."""

    healthy: bool
    attempts: int
    reason: str = ""


def verdict(samples: Sequence[Sample], *, expected: str, passes: int) -> Verdict:
    """Healthy once `passes` samples in a row answered 2xx with the expected version."""
    row = 0
    reason = "it never answered"
    for number, sample in enumerate(samples, start=1):
        good = 200 <= sample.status < 300 and sample.version == expected
        row = row + 1 if good else 0
        if row >= passes:
            return Verdict(True, number)
        if not good:
            reason = _reason(sample, expected)
    return Verdict(False, len(samples), reason)


def _reason(sample: Sample, expected: str) -> str:
    if not sample.status:
        return sample.problem or "it never answered"
    if not 200 <= sample.status < 300:
        return f"it answered {sample.status}"
    return f"it answered as {sample.version or 'no version'}, not as {expected}"
