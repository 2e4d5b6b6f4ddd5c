"""What an environment runs on, and the app as the outside sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from tagship.domain.change import Change
from tagship.domain.health import Sample
from tagship.domain.rollout import Rules
from tagship.domain.units import Operation, Report, Unit

Tick = Callable[[str], None]  # called at each poll with how far it is; what it raises ends the wait


class Target(Protocol):
    """What an environment runs on. tests/contract/test_target.py holds every kind to six promises:

    1 a change whose fencing number is lower than one that a unit has accepted changes nothing: `held`
    2 a change to what a unit serves already changes nothing: `unchanged`
    3 `healthy` is only said of a unit that answered as that very artifact
    4 a unit that failed serves what it served before, or its report says `rollback-failed`
    5 start and finish may be repeated; `operations` finds what a dead process started
    6 a change overtaken by somebody else's is `superseded` or `held`, and is not called a failure of the version
    """

    @property
    def rules(self) -> Rules:
        """How an artifact goes through its units: the settings of the environment."""

    def units(self) -> Sequence[Unit]:
        """The units that there are now, and whether each can be reached; raises Refused when there are none."""

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Ask each unit what it serves, in their order; changes nothing, and needs no lease."""

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Begin the change on those units.

        What it raises means that no unit was asked, Unheard aside: then units may be acting. Where a part of them
        could not be asked, `finish` reports those as `silent`.
        """

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        """Wait until every unit has answered or is gone (`silent`); one report a unit, in their order."""

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Find what was started for a deployment since then, by whatever process, in the order of that."""

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Ask for operations to be ended on every unit; they may still run when this returns."""

    def committed(self, change: Change) -> None:
        """Make what comes up by itself from now on (a host that boots, a task that restarts) run the artifact.

        Called when the ledger has recorded the change. It never raises: what fails here is warned of.
        """

    def committed_to(self, artifact_id: str) -> bool:
        """Whether what comes up by itself now runs that artifact."""

    def files(self) -> Mapping[str, bytes]:
        """What every bundle carries for this environment, by path in the bundle."""

    def required(self) -> Sequence[str]:
        """The paths that a commit must have for its bundle to be of use here."""


@dataclass(frozen=True)
class Script:
    """What a new unit runs when it comes up for the first time. `raw` is `text` as it is handed over."""

    text: str
    raw: bytes
    limit: int  # bytes of `raw`


@runtime_checkable
class FirstBoot(Protocol):
    """A target whose new units run a script when they come up for the first time."""

    def first_boot(self, artifact_id: str, public_key: str, *, compress: bool) -> Script:
        """Render it; `artifact_id` pins one artifact, without it the unit runs what was committed last.

        Raises Refused when it is larger than `limit`.
        """


class Web(Protocol):
    """An app's health answer, as the outside sees it."""

    def ask(self, url: str, version_key: str, timeout: float) -> Sample: ...
