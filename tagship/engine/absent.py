"""Which units of earlier deployments are missing now, and may return with what they ran."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.absent import Gone, gone_units
from tagship.domain.deployment import Deployment
from tagship.domain.units import Unit
from tagship.errors import ServiceFailed
from tagship.ports.app import App
from tagship.ports.target import Mortal


def gone(app: App, environment: str, history: Sequence[Deployment], units: Sequence[Unit]) -> tuple[Gone, ...]:
    """List units of earlier deployments that may return.

    Those that have ended for good are left out, if the target can tell.
    """
    missing, target = gone_units(history, units), app.target(environment)
    if not missing or not isinstance(target, Mortal):
        return missing
    try:
        ended = target.ended([unit.unit for unit in missing])
    except ServiceFailed:  # naming one too many is no reason to stop
        return missing
    return tuple(unit for unit in missing if unit.unit not in ended)
