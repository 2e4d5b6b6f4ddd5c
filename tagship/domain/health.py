"""Health checks: how long to wait, and what the answers mean. The verdict is a pure function of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOT_YET = (502, 503, 504)  # that it, or what it waits for, is not ready
REDIRECTS = (301, 302, 303, 307, 308)


def waits(attempts: int, cap: float = 60.0) -> list[float]:
    """List the seconds to wait after each attempt but the last.

    After the n-th: min(2^(n-1), cap). 15 attempts wait 543 s in all: there is no wait after the last.
    """
    return [min(2.0**n, cap) for n in range(attempts - 1)]


@dataclass(frozen=True)
class Sample:
    """One answer: HTTP status (0: none), its version, and any problem.

    `said` is a bad answer that has no status: the error of a function, how a command ended.
    """

    status: int
    version: str = ""
    problem: str = ""
    said: str = ""

    @property
    def final(self) -> bool:
        """Tell whether waiting won't change it: what answers has started."""
        return bool(self.said) or self.status not in (0, *NOT_YET)


@dataclass(frozen=True)
class Accepted:
    """Which answers are good: statuses and ranges of them.

    `names_version`: a good one also names the version that is expected. If it does not, the target proves what runs.
    """

    codes: Sequence[str] = ("200-299",)
    names_version: bool = True

    def takes(self, status: int) -> bool:
        """Tell whether a status is one of them."""
        ranges = [code.partition("-") for code in self.codes]
        return any(int(first) <= status <= int(last or first) for first, _, last in ranges)


SAME = Accepted()  # 2xx with the version


def is_settled(samples: Sequence[Sample], times: int) -> bool:
    """Tell whether a bad answer came often enough to be final.

    No answer says nothing, and 502, 503 and 504 say that it is not ready yet. 0: never.
    """
    last = samples[-times:] if times else []
    alike = {(sample.status, sample.version, sample.said) for sample in last}
    return len(last) == times > 0 and len(alike) == 1 and last[-1].final


def in_a_row(reason: str, times: int) -> str:
    """Say that a bad answer is final, as hosts say it."""
    return f"{reason} ({times} times in a row)"


def under_way(attempt: int, attempts: int, reason: str, cap: float) -> str:
    """Say which attempt failed and how long others may wait.

    In the words of a host.
    """
    left = sum(waits(attempts, cap)[attempt - 1 :])
    return f"attempt {attempt} of {attempts}: {reason}; up to {left:.0f} s more"


@dataclass(frozen=True)
class Verdict:
    """Healthy, or the reason why not.

    `attempts` counts the samples that decided it.
    `other` is the version of the last answer, if its status was good and it was not the expected one.
    """

    healthy: bool
    attempts: int
    reason: str = ""
    other: str = ""


def verdict(samples: Sequence[Sample], *, expected: str, passes: int, accepted: Accepted = SAME) -> Verdict:
    """Judge the samples: healthy after `passes` good ones in a row."""
    streak = 0
    reason, other = "it never answered", ""
    for number, sample in enumerate(samples, start=1):
        answered = accepted.takes(sample.status)
        good = answered and (sample.version == expected or not accepted.names_version)
        streak = streak + 1 if good else 0
        if streak >= passes:
            return Verdict(True, number)
        if not good:
            reason, other = _reason(sample, expected, answered=answered), sample.version if answered else ""
    return Verdict(False, len(samples), reason, other)


def _reason(sample: Sample, expected: str, *, answered: bool) -> str:
    if not sample.status:
        return sample.problem or "it never answered"
    if answered:
        return f"it answered as {sample.version or 'no version'}, not as {expected}"
    if sample.status in REDIRECTS:
        return f"it answered {sample.status}, a redirect: have health.path name where it leads"
    return f"it answered {sample.status}"
