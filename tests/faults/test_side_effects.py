"""A fault at every side effect of deploy-dev, of what CI does, of a deploy and of a rollback.

Each journey is run once to find its outside calls, and then once for each call and each kind of fault. After each: the
ledger tells what happened, nothing stored was changed or is half-visible, the lease frees itself, one healthy version
serves all the while, and the obvious next command succeeds. `FAULTS=whole` runs every cell; without it each call has one
kind of fault, a different one from call to call.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.errors import TagshipError
from tagship.sandbox import lifecycle
from tests.faults import matrix
from tests.faults.case import Red, perform, record
from tests.faults.conftest import WHOLE
from tests.faults.ground import HERE, Environment, Ground, make
from tests.faults.journeys import JOURNEYS, KINDS, applies
from tests.sandbox.conftest import start

SEEN_AT_MOST = 3  # cells of one test that may be red before it ends: the same defect fails many


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = make(tmp_path_factory.mktemp("faults"))
    yield Ground(start(root))
    lifecycle.down(root)


def kinds_in_turn(calls: list[str], kind: str) -> list[str]:
    """The calls that have this kind of fault in a run of a part: each call is in turn for one of those it can have."""
    chosen = []
    for number, call in enumerate(calls):
        possible = [one for one in KINDS if applies(call, one, call == calls[-1])]
        if possible and possible[number % len(possible)] == kind:
            chosen.append(call)
    return chosen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_fault_at_every_side_effect(ground: Ground, tmp_path: Path, journey: str, kind: str) -> None:
    shipped = journey == "deploy-dev"
    here = ground.environment(shipped)
    if journey not in ground.recorded:
        ground.recorded[journey] = record(here, JOURNEYS[journey], tmp_path / "recorded")
    calls = ground.recorded[journey]
    steps = [one for one in calls if one.startswith("host step")]
    wanted = calls if WHOLE else kinds_in_turn(calls, kind)
    cells, red = {}, []
    for number, call in enumerate(calls):
        following = next(iter(steps[steps.index(call) + 1 :]), "").removeprefix("host step ") if call in steps else ""
        if not applies(call, kind, last=call.startswith("host step") and not following):
            cells[call] = "never"
        elif call in wanted:
            wrong = _case(here, journey, call, kind, tmp_path / str(number), following)
            cells[call] = f"red: {wrong}" if wrong else "green"
            if wrong:
                red.append(f"{call}, {kind}: {wrong}")
                here = ground.environment(shipped, anew=True)
        matrix.keep(HERE, journey, kind, cells)
        if len(red) >= SEEN_AT_MOST and not WHOLE:
            break
    assert not red, "\n".join(red)


def _case(here: Environment, journey: str, call: str, kind: str, folder: Path, following: str) -> str:
    """What was wrong with one cell; empty where all held."""
    try:
        perform(here, JOURNEYS[journey], call, kind, folder, following)
    except (Red, TagshipError) as reason:
        return str(reason) or type(reason).__name__
    return ""
