"""What runs a team's hooks: a program on the runner, or a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tagship.domain.hook import HookOutcome
from tagship.ports.target import Tick


class HookRunner(Protocol):
    """Runs one attempt of a hook.

    `timeout` is in seconds. What `tick` raises is raised when what runs has been ended.
    """

    def command(
        self, command: Sequence[str], variables: Mapping[str, str | None], timeout: int, tick: Tick
    ) -> HookOutcome:
        """Run a command, by no shell; None among the variables unsets one."""
        # Nothing that it started outlives it.

    def invoke(self, function: str, payload: str, timeout: int, tick: Tick) -> HookOutcome:
        """Invoke a function once: `name`, `name:alias` or `name:version`."""
        # It may go on after the timeout: an invocation can't be ended.
