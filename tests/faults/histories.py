"""What the histories of cleanup share: dev is frozen and thawed, time passes, somebody cleans up, processes die.

Hypothesis runs a state machine in one process, so histories are told in parts, each a test of its own: workers of
pytest-xdist share them. FAULTS=whole tells 10,000 of each machine, as `make test-cleanup` does; otherwise a sample.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from contextlib import suppress
from unittest import TestCase

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tagship.errors import TagshipError
from tagship.verbs.freeze import freeze
from tagship.verbs.thaw import thaw
from tests.fakes.app import FakeApp

WHOLE = 10_000 if os.environ.get("FAULTS") == "whole" else 0
DAY = 86400


class Killed(BaseException):
    """The process of a cleanup or a deployment is gone."""


class CleanedUp(RuleBasedStateMachine):
    """An app with an environment dev; `_clean` runs one cleanup, and says what must not have gone."""

    app: FakeApp

    @rule(thawed=st.booleans())
    def hold(self, thawed: bool) -> None:
        with suppress(TagshipError):
            if thawed:
                thaw(self.app, env="dev", yes=True)
            else:
                freeze(self.app, env="dev", until="8h", reason="the sale")

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        self.app.clock.advance(days * DAY)

    @rule(days=st.integers(0, 8), keep=st.integers(0, 3))
    def clean(self, days: int, keep: int) -> None:
        self._clean(days, keep)

    @abstractmethod
    def _clean(self, days: int, keep: int) -> None:
        """Clean up, and hold what is left against what is needed."""


def told(machine: type[CleanedUp], parts: int, sample: int) -> type[TestCase]:
    """Make the test of one part of a machine's histories."""
    made: type[TestCase] = machine.TestCase
    made.settings = settings(  # type: ignore[attr-defined]
        max_examples=WHOLE // parts or sample // parts,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return made
