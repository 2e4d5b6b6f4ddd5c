"""Hosts in memory, which keep to the protocol: fencing, what was kept, and a verdict for each order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tagship.domain.ec2.order import Order
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused


@dataclass
class Machine:
    """One host. `answers` are the outcomes of the next orders (`status` aside); when they are used up, all goes well.

    An outcome may be a whole Report, given as it is. `status_says` overrides what a status order hears.
    """

    host: Unit
    serving: str = ""
    fence: int = 0
    answers: deque[str | Report] = field(default_factory=deque)
    status_says: str = ""
    reason: str = "it answered 500"
    evidence: str = "Traceback: boom"
    unsigned: bool = False  # nobody signed what it is told to run

    def obey(self, order: Order) -> Report:
        if order.action == "status":
            return self._status()
        if order.fence < self.fence:
            return self._report("held", reason=f"fence {order.fence} is below {self.fence}")
        self.fence = order.fence
        planned = self.answers.popleft() if self.answers else "healthy"
        if isinstance(planned, Report):
            self.serving = planned.serving
            return planned
        before = self.serving
        if planned == "healthy":
            self.serving = order.artifact_id
            return self._report("unchanged" if before == order.artifact_id else "healthy", order, before)
        if planned == "rollback-failed":
            self.serving = ""
        evidence = "" if planned in {"held", "silent"} else self.evidence
        return replace(self._report(planned, order, before, self.reason), evidence=evidence)

    def _status(self) -> Report:
        if self.status_says:
            return self._report(self.status_says, reason="it does not answer")
        return self._report("healthy" if self.serving else "empty", previous=self.serving)

    def _report(self, outcome: str, order: Order | None = None, previous: str = "", reason: str = "") -> Report:
        artifact = order.artifact_id if order else ""
        if outcome == "silent":
            return Report(self.host.id, "silent", reason=reason)
        return Report(self.host.id, outcome, artifact, self.serving, previous, reason, unsigned=self.unsigned)


@dataclass
class FakeTarget:
    """`orders` holds what was sent and to whom; `sending` and `during` are called at each send and each collect.

    `running` are commands that have not ended, each with its deployment's id; `cancelled` those that were ended.
    """

    machines: list[Machine] = field(default_factory=lambda: [machine("web-1")])
    orders: list[tuple[Order, list[str]]] = field(default_factory=list)
    polls: int = 1
    sending: Callable[[Order], None] = lambda _: None
    during: Callable[[Order], None] = lambda _: None
    running: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    _reports: dict[str, tuple[Order, list[Report]]] = field(default_factory=dict)

    def hosts(self) -> Sequence[Unit]:
        if not self.machines:
            raise Refused("No running instance has the tags of dev.", remedy="Start one.")
        return [one.host for one in self.machines]

    def send(self, order: Order, hosts: Sequence[Unit]) -> Sequence[str]:
        self.sending(order)
        by_id = {one.host.id: one for one in self.machines}
        self.orders.append((order, [host.name for host in hosts]))
        command = f"command-{len(self.orders)}"
        self._reports[command] = (
            order,
            [by_id[host.id].obey(order) if host.id in by_id else gone(host) for host in hosts],
        )
        return [command]

    def collect(self, commands: Sequence[str], hosts: Sequence[Unit], beat: Callable[[str], None]) -> Sequence[Report]:
        for _ in range(self.polls):
            beat(f"0 of {len(hosts)} hosts have answered")
            self.during(self._reports[commands[0]][0])
        found = [report for command in commands for report in self._reports[command][1]]
        by_id = {one.host: one for one in found}
        return [by_id[host.id] for host in hosts]

    def in_flight(self, deployment_id: str, commands: Sequence[str]) -> Sequence[str]:
        return [one for one, owner in self.running.items() if one in commands or owner == deployment_id]

    def sent_for(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        ids = {one.host.name: one.host.id for one in self.machines}
        return [
            Operation(
                f"command-{number}", order.action, order.artifact_id, tuple(ids.get(name, name) for name in names)
            )
            for number, (order, names) in enumerate(self.orders, start=1)
            if order.deployment_id == deployment_id
        ]

    def cancel(self, commands: Sequence[str]) -> None:
        for one in commands:
            self.cancelled.append(one)
            self.running.pop(one, None)

    @property
    def sent(self) -> list[tuple[str, str, list[str]]]:
        """(action, artifact, host names) of every order."""
        return [(order.action, order.artifact_id, names) for order, names in self.orders]

    @property
    def serving(self) -> dict[str, str]:
        return {one.host.name: one.serving for one in self.machines}


def gone(host: Unit) -> Report:
    return Report(host.id, "silent", reason="it is gone")


def machine(name: str, serving: str = "", *answers: str | Report, online: bool = True) -> Machine:
    number = int(name.rpartition("-")[2])
    problem = "" if online else "its agent's PingStatus is ConnectionLost"
    return Machine(Unit(f"i-{number:017x}", name, online, problem), serving, answers=deque(answers))
