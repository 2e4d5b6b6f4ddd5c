"""Environments that somebody has to approve, and the jobs that wait for that.

https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments: a job that names one waits
before its first step, and its run goes on without it. What it holds by then, such as a concurrency group, it keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

LOOK_EVERY = 0.05  # seconds


@dataclass
class Approvals:
    """Who waits for what: an answer by run and environment."""

    reviewed: set[str] = field(default_factory=set)  # environments
    _waiting: dict[tuple[int, str], str] = field(default_factory=dict)  # to what was answered, or ""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, run_id: int, environment: str, given_up: Callable[[], bool], say: Callable[[], None]) -> bool:
        """Wait for an answer; true if approved, or nobody has to.

        `say` is called once it can be answered, and before it waits.
        """
        if environment not in self.reviewed:
            return True
        key = (run_id, environment)
        with self._changed:
            self._waiting.setdefault(key, "")
        say()
        with self._changed:
            while not self._waiting[key] and not given_up():
                self._changed.wait(LOOK_EVERY)
            return self._waiting.pop(key) == "approved"

    def pending(self, run_id: int) -> list[str]:
        """List the environments that a run waits for."""
        with self._changed:
            return sorted(name for run, name in self._waiting if run == run_id)

    def answer(self, run_id: int, environment: str, state: str) -> bool:
        """Approve or reject; false if nobody waits for that."""
        with self._changed:
            if (run_id, environment) not in self._waiting:
                return False
            self._waiting[run_id, environment] = state
            self._changed.notify_all()
            return True
