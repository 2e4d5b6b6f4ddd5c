"""What an app wrote, wherever its kind of target keeps that; and a shell on a unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.units import Unit
from tagship.ports.target import Tick


@runtime_checkable
class Logged(Protocol):
    """A target whose units' logs can be read."""

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Yield what units wrote in that time, the oldest line first.

        It changes nothing, and needs no lease. A unit whose log can't be read is named by `tick`, and hides no other.
        Raises Refused if there is no log at all.
        """


@dataclass(frozen=True)
class Session:
    """A session that AWS has opened, for session-manager-plugin.

    `opened` has the token; it is never shown, and never an argument. `folder` is what stands for a sandbox's host: a
    shell there takes the plugin's place.
    """

    parameters: Mapping[str, Any]
    endpoint: str
    region: str
    opened: Mapping[str, str] = field(repr=False)
    folder: str = ""


@runtime_checkable
class Enterable(Protocol):
    """A target whose units people can enter."""

    def enter(self, unit: Unit) -> Session:
        """Open a session on a unit. Raises Refused, ServiceFailed."""
