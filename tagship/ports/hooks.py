"""What runs a team's hooks: a program on the runner, a function, or a task of the artifact's own image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from tagship.domain.change import Change
from tagship.domain.hook import HookOutcome
from tagship.ports.target import Tick
from tagship.settings.hooks import HookTable


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


@runtime_checkable
class TaskRunner(Protocol):
    """A target that can run a command in the artifact's image."""

    def run_task(
        self, change: Change, hook: HookTable, variables: Mapping[str, str | None], name: str, tick: Tick
    ) -> HookOutcome:
        """Run the command in a task of its own, to its end.

        `name` is the attempt's: the same name of a deployment never runs twice. What `tick` raises is raised when the
        task has been asked to end.
        """
