"""SAMPLE=3: of each test that has several cases a third runs, and every test that has one.

For a run that has only so many minutes. Which cases those are depends on the test's name, and is the same in each run.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping

import pytest


def stride(variables: Mapping[str, str]) -> int:
    """Of how many cases one runs; raises pytest.UsageError for what is no number from 1."""
    text = variables.get("SAMPLE", "1")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise pytest.UsageError(
            f"SAMPLE is {text!r}: a number from 1, such as SAMPLE=3 for a third of each test's cases"
        )
    return int(text)


def described(step: int) -> str:
    """What a run says of itself, in its first lines."""
    return f"a sample: one case of {step} of each test" if step > 1 else "every case of each test"


def leave_out(items: list[pytest.Item], step: int) -> list[pytest.Item]:
    """Take out of `items` what is not in the sample, and return it."""
    ordered = sorted(items, key=_test)
    kept = {item for test, cases in itertools.groupby(ordered, _test) for item in _some(test, list(cases), step)}
    left = [item for item in items if item not in kept]
    items[:] = [item for item in items if item in kept]
    return left


def _some(test: str, cases: list[pytest.Item], step: int) -> list[pytest.Item]:
    first = zlib.crc32(test.encode()) % min(step, len(cases))
    return cases[first::step]


def _test(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
