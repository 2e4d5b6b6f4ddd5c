"""What an environment runs on, and the app as the outside sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from tagship.domain.change import Change
from tagship.domain.finding import Finding
from tagship.domain.health import Sample
from tagship.domain.keys import ORDERS, pinned
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.pause import Pause
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit

if TYPE_CHECKING:
    from tagship.ports.app import App

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
        """Return how an artifact goes through the environment's units."""

    def prepare(self) -> None:
        """Begin to get ready to be asked, beside other work."""
        # It asks nothing, and raises nothing.

    def units(self) -> Sequence[Unit]:
        """List the units, and whether each can be reached. Raises Refused."""
        # If there are none.

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Ask each unit what it serves, in their order."""
        # It changes nothing, and needs no lease.

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Begin the change on those units.

        Any error but Unheard means that no unit was asked; after Unheard, units may be acting. If a part of them could
        not be asked, `finish` reports those as `silent`.
        """

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        """Wait until every unit has answered or is gone.

        Returns one report a unit, in their order; one that is gone is `silent`.
        """

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Find what was started for a deployment since then.

        By whatever process, in the order in which it was started.
        """

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Ask every unit to end these operations."""
        # They may still run when this returns.

    def committed(self, change: Change) -> None:
        """Make units that start from now on run the artifact.

        Such as a host that boots, or a task that restarts. Called when the ledger has recorded the change. It never
        raises: it warns if it fails.
        """

    def uncommitted(self, artifact_id: str) -> str:
        """Say why units that start now won't run that artifact.

        In words without a full stop; empty if they will.
        """

    def files(self) -> Mapping[str, bytes]:
        """Make what bundles carry for this environment: path -> bytes."""

    def required(self) -> Sequence[str]:
        """List the paths that a commit needs for a usable bundle."""


@dataclass(frozen=True)
class Script:
    """What a new unit runs when it first starts.

    `raw` is `text` as it is handed over.
    """

    text: str
    raw: bytes
    limit: int  # bytes of `raw`


@dataclass(frozen=True)
class Pins:
    """The keys that units pin, as tagship.domain.keys writes them, and their ids.

    Nothing to pin: an environment whose artifacts nobody signs.
    """

    keys: str = ""
    release: Sequence[str] = ()
    orders: Sequence[str] = ()
    revoked: Sequence[str] = ()
    attested: bool = False  # units require provenance

    @classmethod
    def of(cls, app: App, environment: str) -> Self:
        """Take an environment's keys from the settings; none without [signing]."""
        signing = app.settings.signing
        if not signing:
            return cls()
        release = app.keys(environment).verifier.public_keys()
        orders = app.keys(environment, ORDERS).verifier.public_keys()
        required = bool(app.settings.environment(environment).require_attestation)
        keys = pinned(release.values(), orders.values())
        return cls(keys, tuple(release), tuple(orders), tuple(signing.revoked), required)


@runtime_checkable
class KeyHolder(Protocol):
    """A target whose units pin keys, and boot by signed orders."""

    def units(self) -> Sequence[Unit]: ...

    def pin(self, pins: Pins, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Pin these keys on units, and no others.

        `unchanged` is a unit that has them.
        """

    def resign(self, *, dry_run: bool) -> str:
        """Sign again what booting units obey; say what was done.

        Empty if there is nothing to sign again. Raises NotAuthentic, ServiceFailed.
        """


@runtime_checkable
class Inspectable(Protocol):
    """A target whose units can be looked at before a deployment."""

    def inspect(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Ask each unit for its room and what is in the way.

        It changes nothing. `facts` of each report are read by tagship.domain.inspection.
        """


@runtime_checkable
class Adoptable(Inspectable, Protocol):
    """A target whose units may have run the app before tagship."""

    def units(self) -> Sequence[Unit]: ...

    def adopt(self, units: Sequence[Unit], tick: Tick, *, undo: bool) -> Sequence[Report]:
        """Stop and keep what ran before, or start it again.

        Either may be repeated, and deletes nothing. `unchanged` is a unit on which it is done.
        """


@runtime_checkable
class FirstBoot(Protocol):
    """A target whose new units run a script when they first start."""

    def first_boot(self, artifact_id: str, pins: Pins, *, compress: bool) -> Script:
        """Render the script; `artifact_id` pins one artifact.

        Without it, the unit runs what was committed last. Raises Refused if the script is larger than `limit`.
        """


@runtime_checkable
class Starter(Protocol):
    """A target that has it written down what new units run."""

    def starting(self) -> Collection[str]:
        """List the artifacts that units run if they start now.

        Raises NotAuthentic if that can't be believed.
        """


@runtime_checkable
class Versioned(Protocol):
    """A target that can run an artifact before it serves."""

    def version_of(self, change: Change, name: str, tick: Tick) -> str:
        """Make the artifact's own version of a function; return its name.

        Nothing that serves changes. Empty if no unit has that name. Raises ServiceFailed.
        """


@runtime_checkable
class Mortal(Protocol):
    """A target whose units can end for good, and never return."""

    def ended(self, units: Sequence[str]) -> Collection[str]:
        """Choose those of the ids whose units have ended for good."""
        # One that nobody knows any more has ended too.


@runtime_checkable
class Observant(Protocol):
    """A target that looks at its units while a change goes on."""

    def seen_meanwhile(self) -> Sequence[Unit] | None:
        """List the units that it saw last, a minute ago at most.

        None if it did not look.
        """


@runtime_checkable
class Stoppable(Protocol):
    """A target whose units go back if a change is stopped."""

    def stop(self, operations: Sequence[Operation]) -> None:
        """Have every unit go back; `finish` waits for that."""


@runtime_checkable
class Pausable(Protocol):
    """A target whose changes can wait for a person's decision."""

    def pauses(self, deployment_id: str) -> Sequence[Pause]:
        """List where a deployment waits."""

    def go_on(self, pause: Pause) -> None:
        """Have it go on from there.

        Raises Refused if it no longer waits there.
        """


@runtime_checkable
class Careful(Protocol):
    """A target that knows in advance what would make a change fail."""

    def obstacles(
        self, action: str, manifest: Manifest, manifest_sha256: str, units: Sequence[Unit]
    ) -> Sequence[Obstacle]:
        """List what is in the way of bringing units to an artifact.

        It changes nothing, and needs no lease.
        """


@runtime_checkable
class Examinable(Protocol):
    """A target whose units have more to examine."""

    def examine(self) -> Iterator[Finding]:
        """Look at how its units are set up."""


class Web(Protocol):
    """An app's health answer, as the outside sees it."""

    def ask(self, url: str, version_key: str, timeout: float) -> Sample: ...

    def connect(self, address: str, timeout: float) -> Sample:
        """Connect to `host:port` and hang up; status 200 if that works."""
