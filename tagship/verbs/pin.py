"""pin: hand an environment's public keys to its hosts, which believe those and no others from then on.

Who may do this may run anything on the hosts, as root: it goes by AWS-RunShellScript, which no role of `setup` may
send. So neither CI nor the people who deploy can change what hosts believe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.keys import named
from tagship.domain.text import counted, listed
from tagship.domain.units import Report, Unit, noun_of
from tagship.engine.pinning import to_pin
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, ServiceFailed, SettingsError, UsageError
from tagship.ports.app import App
from tagship.ports.target import KeyHolder, Pins


@dataclass(frozen=True)
class PinnedKeys:
    """The ids of an environment's keys, and the units that have them."""

    environment: str
    release: Sequence[str]
    orders: Sequence[str]
    revoked: Sequence[str]
    units: Sequence[str] = ()

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def pin(app: App, *, env: str = "", dry_run: bool = False) -> PinnedKeys:
    """Pin the keys of the settings on every unit, and no others.

    Raises ServiceFailed, with who still has the keys from before, if a unit could not be reached or refused.
    """
    environment = one_environment(app, env)
    target = app.target(environment)
    if not isinstance(target, KeyHolder):
        raise UsageError(f"{environment} has no hosts that pin keys.", remedy=f"Look at it: {commands.status()}")
    pins = to_pin(app, environment)
    if not pins.keys:
        raise SettingsError(
            "tagship.toml has no [signing] table, so there is no key to pin.",
            remedy="Name key and public_key under [signing] in tagship.toml",
        )
    units = target.units()
    _show(app, environment, pins, units)
    shown = PinnedKeys(environment, pins.release, pins.orders, pins.revoked)
    if dry_run:
        app.screen.say(UNCHANGED)
        return shown
    online = [unit for unit in units if unit.online]
    with app.screen.live(f"pinning keys on {counted(len(online), noun_of(units))}") as phase:
        reports = target.pin(pins, online, phase) if online else []
    _check(environment, units, reports)
    app.screen.say(f"pinned on {counted(len(units), noun_of(units))}")
    return PinnedKeys(environment, pins.release, pins.orders, pins.revoked, tuple(unit.id for unit in units))


def _show(app: App, environment: str, pins: Pins, units: Sequence[Unit]) -> None:
    """Print each purpose's keys, the one that signs first."""
    for purpose, ids in (("releases", pins.release), ("orders", pins.orders)):
        older = f"; still counts: {named(ids[1:])}" if len(ids) > 1 else ""
        app.screen.say(f"{purpose} of {environment}: {ids[0]} signs{older}")
    if pins.revoked:
        app.screen.say(f"revoked: {named(pins.revoked)}")
    if pins.attested:
        app.screen.say("they require provenance of what they are ordered to run (require_attestation)")
    app.screen.say(f"pin them on {listed([unit.name for unit in units])}; any other key is taken away")


def _check(environment: str, units: Sequence[Unit], reports: Sequence[Report]) -> None:
    """Raise ServiceFailed if a unit was not reached, or did not pin."""
    problems = {report.unit: report.reason for report in reports if not report.good}
    problems |= {unit.id: unit.away for unit in units if not unit.online}
    left = [f"{unit.name} ({problems[unit.id]})" for unit in units if unit.id in problems]
    if left:
        raise ServiceFailed(
            f"The keys are not pinned on {len(left)} of {counted(len(units), noun_of(units))}: {listed(left)}.",
            state="Those hosts keep their old keys; the others have the new ones.",
            remedy=f"Fix that, then again: {commands.pin(environment)}",
        )
