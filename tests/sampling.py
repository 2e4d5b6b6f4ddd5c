"""A part of the suite, for a run that has only so many minutes.

SAMPLE=3: of each test that has several cases a third runs, and every test that has one. EVERY=3: a third of the tests.
Which those are depends on their names, and is the same in each run.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Sample:
    """Of how many cases of a test one runs, and of how many tests."""

    cases: int = 1
    tests: int = 1

    def __str__(self) -> str:
        parts = [f"one {noun} of {count}" for noun, count in (("test", self.tests), ("case", self.cases)) if count > 1]
        return f"a sample: {', '.join(parts)}" if parts else "every case of each test"


def asked(variables: Mapping[str, str]) -> Sample:
    """What the environment wants; raises pytest.UsageError for what is no number from 1."""
    return Sample(_number(variables, "SAMPLE"), _number(variables, "EVERY"))


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "1")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise pytest.UsageError(f"{name} is {text!r}: a number from 1, such as {name}=3 for a third")
    return int(text)


def leave_out(items: list[pytest.Item], sample: Sample) -> list[pytest.Item]:
    """Take out of `items` what is not in the sample, and return it."""
    by_test = itertools.groupby(sorted(items, key=_test), _test)
    tests = [(test, list(cases)) for test, cases in by_test][:: sample.tests]
    kept = {item for test, cases in tests for item in _some(test, cases, sample.cases)}
    left = [item for item in items if item not in kept]
    items[:] = [item for item in items if item in kept]
    return left


def _some(test: str, cases: list[pytest.Item], step: int) -> list[pytest.Item]:
    first = zlib.crc32(test.encode()) % min(step, len(cases))
    return cases[first::step]


def _test(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
