"""The deployment that held the lease before: what was on its way, for the record of its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.lease import Seen
from tagship.domain.text import ago, either, listed
from tagship.domain.units import Operation
from tagship.errors import UNCHANGED, TagshipError


@dataclass(frozen=True)
class Predecessor:
    """Whose lease was taken, and what that deployment had in flight.

    `forced`: a person took the lease with --preempt. `stopped` was in flight then; what is `running` has not ended.
    `names` are the units' by their ids.
    """

    seen: Seen
    forced: bool = False
    stopped: tuple[Operation, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def held(self, deployment: Deployment) -> bool:
        """Tell whether it was this deployment that held the lease."""
        return self.seen.record.deployment_id == deployment.id

    def said_in(self, reason: TagshipError, noun: str) -> None:
        """Add to a failure that somebody was fenced off.

        Whoever is refused after that may think that nothing happened; so does the sentence of a gate.
        """
        by_us = f"No {noun} was changed"
        if not self.forced or not reason.state.startswith((UNCHANGED, by_us)):
            return
        record = self.seen.record
        ended = [operation.name for operation in self.stopped if not operation.running]
        left = [operation.name for operation in self.stopped if operation.running]
        cancelled = f"; {listed(ended)} of it was cancelled" if ended else ""
        goes_on = f"; {listed(left)} of it may go on" if left else ""
        own = reason.state.replace(UNCHANGED, f"{by_us} by this.", 1)
        fenced = f"But deployment {record.deployment_id} of {record.holder} was fenced off{cancelled}{goes_on}."
        reason.state = f"{own} {fenced}"
        reason.remedy = either(reason.remedy, f"See what runs: {commands.status(record.environment)}")

    @property
    def evidence(self) -> str:
        """Say what was on its way, a fact a line."""
        record = self.seen.record
        lines = [f"{record.holder}: {record.phase}, last heartbeat {ago(self.seen.age)}"]
        for operation in self.stopped:
            came = "in flight then, and a minute later" if operation.running else "in flight then; it has ended"
            lines.append(f"{described(operation, self.names)}: {came}")
        stopped = {operation.name for operation in self.stopped}
        return "\n".join(
            [*lines, *(f"{name}: it had ended before" for name in record.operations if name not in stopped)]
        )


def described(operation: Operation, names: Mapping[str, str]) -> str:
    """Say what an operation does, and to which units.

    `SSM command 1234 (deploy 0.1.30-dev on web-1, web-2)`. `names` are the units' by their ids.
    """
    units = listed([names.get(unit, unit) for unit in operation.units])
    change = " ".join(filter(None, [operation.action, operation.artifact_id, units and f"on {units}"]))
    return f"{operation.name} ({change})" if change else operation.name
