"""Health checks: how long to wait, and what the answers mean. The verdict is a pure function of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REDIRECTS = (301, 302, 303, 307, 308)


def waits(attempts: int, cap: float = 60.0) -> list[float]:
    """List the seconds to wait after each attempt but the last.

    After the n-th: min(2^(n-1), cap). 15 attempts wait 543 s in all: there is no wait after the last.
    """
    return [min(2.0**n, cap) for n in range(attempts - 1)]


@dataclass(frozen=True)
class Sample:
    """One answer: HTTP status (0: none), its version, and any problem."""

    status: int
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Verdict:
    """Healthy, or the reason why not.

    `attempts` counts the samples that decided it.
    `other` is the version of the last answer, if that was 2xx and not the expected one.
    """

    healthy: bool
    attempts: int
    reason: str = ""
    other: str = ""


def verdict(samples: Sequence[Sample], *, expected: str, passes: int) -> Verdict:
    """Judge the samples: healthy after `passes` good ones in a row."""
    # A good one answers 2xx with the expected version.
    streak = 0
    reason, other = "it never answered", ""
    for number, sample in enumerate(samples, start=1):
        answered = 200 <= sample.status < 300
        good = answered and sample.version == expected
        streak = streak + 1 if good else 0
        if streak >= passes:
            return Verdict(True, number)
        if not good:
            reason, other = _reason(sample, expected), sample.version if answered else ""
    return Verdict(False, len(samples), reason, other)


def _reason(sample: Sample, expected: str) -> str:
    if not sample.status:
        return sample.problem or "it never answered"
    if sample.status in REDIRECTS:
        return f"it answered {sample.status}, a redirect: have health.path name where it leads"
    if not 200 <= sample.status < 300:
        return f"it answered {sample.status}"
    return f"it answered as {sample.version or 'no version'}, not as {expected}"
