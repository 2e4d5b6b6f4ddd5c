"""Units that can't be reached are named with their reasons, each reason once."""

from __future__ import annotations

from tagship.domain.units import Unit, away_sentence, them


def test_units_with_one_reason_share_it() -> None:
    lost = "its SSM agent doesn't answer (ConnectionLost)"
    units = [Unit(f"i-{number}", f"web-{number}", online=False, problem=lost) for number in (1, 2)]
    other = Unit("i-3", "web-3", online=False)
    assert away_sentence([*units, other]) == f"web-1 (i-1), web-2 (i-2): {lost}; web-3 (i-3): it does not answer"


def test_one_unit_is_it_and_several_are_them() -> None:
    unit = Unit("i-1", "web-1", online=False)
    assert (them([unit]), them([unit, unit])) == ("it", "them")
