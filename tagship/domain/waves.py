"""Waves of a rollout: units that go before others, such as those of a region. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tagship.domain.rules import Rules
from tagship.domain.units import Unit

if TYPE_CHECKING:
    from tagship.domain.rollout_decision import Rollout


def next_wave(rollout: Rollout) -> tuple[Unit, ...]:
    """List the units to change of the first wave that has some."""
    waiting = rollout.waiting
    order = {name: number for number, name in enumerate(dict.fromkeys(unit.wave for unit in rollout.original))}
    first = min((unit.wave for unit in waiting), key=lambda name: order.get(name, len(order)), default="")
    return tuple(unit for unit in waiting if unit.wave == first)


def size_of(rollout: Rollout, wave: Sequence[Unit]) -> int:
    """Count the units of a wave, those that ran it already too."""
    names = {unit.wave for unit in wave}
    return sum(unit.wave in names for unit in (*rollout.planned, *rollout.others))


def ended_wave(rules: Rules, rollout: Rollout, changed: Sequence[Unit]) -> tuple[Unit, ...]:
    """Return what serves of a wave that ended before another.

    `changed` were its last units. Empty if nobody has to wait: there is no next one, or the rules leave it no time.
    """
    waiting, wave = next_wave(rollout), changed[0].wave
    if not rules.between or not waiting or waiting[0].wave == wave:
        return ()
    serving = {report.unit for report in rollout.serving}
    return tuple(unit for unit in rollout.units if unit.wave == wave and unit.id in serving)
