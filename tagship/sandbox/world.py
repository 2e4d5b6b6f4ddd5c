"""What one running sandbox has; each service of aws/ installs itself onto it.

A service keeps what only it needs in objects that its `install(world)` makes. What two of them share is a field here.
moto is the exception: its buckets, instances and documents live in the process, whoever asks for them, and its
operations are methods of classes. Only tagship.sandbox.aws.stock touches either. So a process has one world at a time:
a second one that is installed replaces the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship.sandbox.door.keys import Keys
from tagship.sandbox.faults import Faults
from tagship.sandbox.hosts.commands import Command
from tagship.sandbox.hosts.machines import Machine
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.hosts.simulated import Behaviour
from tagship.sandbox.pace import Pace
from tagship.sandbox.pairs import Pair, Place

Switch = Callable[[Any], None]


@dataclass
class World:
    """The state of one running sandbox."""

    folder: Path  # .tagship/sandbox of the repository it belongs to
    region: str
    pairs: Mapping[Pair, Sequence[Place]] = field(default_factory=dict)  # KMS holds those that it has a name for
    url: str = ""  # where AWS answers; known once the server listens
    keys: Keys = field(default_factory=Keys.new)
    pace: Pace = field(default_factory=Pace)
    faults: Faults = field(default_factory=Faults)
    machines: dict[str, Machine] = field(default_factory=dict)  # by instance id: the hosts that have SSM's agent
    behaviour: Behaviour = field(default_factory=Behaviour)  # of every simulated host
    commands: list[Command] = field(default_factory=list)  # all that were sent, oldest first
    ports: Ports = field(default_factory=Ports)
    fronts: dict[str, Callable[[int], str]] = field(
        default_factory=dict
    )  # by ARN of a service or group: opens its address
    switches: dict[str, Switch] = field(default_factory=dict)  # what tests can set, by its name in the JSON

    def __post_init__(self) -> None:
        self.switches["rates"] = self.faults.rates.update

    @property
    def origin(self) -> Path:
        """Return the bare Git repository that is pushed to."""
        return self.folder / "origin.git"

    @property
    def private_key(self) -> Path:
        """Return the release key's PEM file."""
        return self.folder / "keys/release.key.pem"

    @property
    def public_key(self) -> Path:
        return self.folder / "keys/release.pub.pem"

    def disk(self, instance: str) -> Path:
        """Return the folder that stands for an instance's disk."""
        return self.folder / "hosts" / instance

    def switch(self, asked: Mapping[str, Any]) -> None:
        """Set what a test asks for. Raises UnknownSwitch and sets nothing."""
        # That is for a name that no service has registered.
        unknown = set(asked) - set(self.switches)
        if unknown:
            raise UnknownSwitch(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(self.switches))}.")
        for name, value in asked.items():
            self.switches[name](value)

    def cancel_commands(self) -> None:
        """Cancel every command that still runs on a host."""
        for command in list(self.commands):
            command.cancel([])


class UnknownSwitch(Exception):
    """A test asked for a switch that no service has."""
