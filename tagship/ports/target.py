"""What an environment runs on, and the app as the outside sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from tagship.domain.ec2.order import Order
from tagship.domain.health import Sample
from tagship.domain.units import Operation, Report, Unit


class Target(Protocol):
    """What an environment runs on."""

    def hosts(self) -> Sequence[Unit]:
        """The machines, and whether each can be reached; raises Refused where there is none."""

    def send(self, order: Order, hosts: Sequence[Unit]) -> Sequence[str]:
        """Ask hosts to act; returns the ids of the commands in flight."""

    def collect(self, commands: Sequence[str], hosts: Sequence[Unit], beat: Callable[[str], None]) -> Sequence[Report]:
        """Wait until every host has answered or is gone (`silent`); calls `beat` with the phase at every poll."""

    def in_flight(self, deployment_id: str, commands: Sequence[str]) -> Sequence[str]:
        """Which commands have not ended: of those ids, and of any other that was sent for that deployment."""

    def sent_for(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Every order that was sent for a deployment since then, ended or not, in the order sent."""

    def cancel(self, commands: Sequence[str]) -> None:
        """Ask for commands to be ended on every host; they may still run when this returns."""


class Web(Protocol):
    """An app's health answer, as the outside sees it."""

    def ask(self, url: str, version_key: str, timeout: float) -> Sample: ...
