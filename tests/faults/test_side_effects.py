"""A fault at every side effect of every verb that has one.

Each journey is run once to find its outside calls, and then once for each call and each kind of fault. After each: what
the error says of how things are is so (sentences), the ledger tells what happened, nothing stored was changed or is
half-visible, the lease frees itself, one healthy version serves all the while, and what the error says to do next,
typed as it is printed, leads to the end in two remedies at most (remedies).

`FAULTS=whole` runs every cell; without it every second call has one kind of fault, another one from call to call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import TagshipError
from tagship.sandbox import lifecycle
from tagship.tasks import ns
from tests.faults import matrix
from tests.faults.case import Cell, Red, perform, record
from tests.faults.conftest import WHOLE
from tests.faults.ground import HERE, Environment, Ground, make
from tests.faults.journeys import ELSEWHERE, JOURNEYS, KINDS
from tests.sandbox.conftest import start

ONLY = os.environ.get("FAULTS_CALL", "")  # a pattern, to look at one call


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = make(tmp_path_factory.mktemp("faults"))
    yield Ground(start(root))
    lifecycle.down(root)


def cells(journey: str, calls: list[str]) -> list[list[Cell]]:
    """Every fault of every call, those that can happen to it."""
    steps = [one for one in calls if one.startswith("host step")]
    after = {one: next_.removeprefix("host step ") for one, next_ in pairwise(steps)}
    every = ([Cell(JOURNEYS[journey], call, kind, after.get(call, "")) for kind in KINDS] for call in calls)
    return [[one for one in row if one.possible] for row in every]


def in_turn(number: int, row: list[Cell]) -> list[Cell]:
    """What runs of a row: all of it; or of every second row one cell, another kind from row to row.

    FAULTS_CALL: those rows alone.
    """
    if ONLY and not re.search(ONLY, row[0].call):
        return []
    if WHOLE:
        return row
    turn = number // 2 % len(row)
    return [] if number % 2 else row[turn : turn + 1]


def together() -> list[Any]:
    """The journeys; of a sample, each in one process, which then records it once."""
    return [pytest.param(name, marks=[] if WHOLE else pytest.mark.xdist_group(name)) for name in JOURNEYS]


def test_every_verb_is_run_or_changes_nothing() -> None:
    """A new verb has a side effect to speak falsely of, until somebody says that it has none, or where it is tested."""
    ran = {words.split()[0] for words in (journey.words for journey in JOURNEYS.values())}
    assert {*ran, *ELSEWHERE} == {name.partition(" ")[0] for name in every_task()}
    assert not ran & ELSEWHERE.keys()


def every_task() -> list[str]:
    return [name if name != "infra.apply" else "infra" for name in ns.task_names]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("journey", together())
def test_a_fault_at_every_side_effect(ground: Ground, tmp_path: Path, journey: str, kind: str) -> None:
    shipped = journey == "deploy-dev"
    here = ground.environment(shipped)
    if journey not in ground.recorded:
        ground.recorded[journey] = record(here, JOURNEYS[journey], tmp_path / "recorded")
    states, red = {}, []
    for number, row in enumerate(cells(journey, ground.recorded[journey])):
        call = ground.recorded[journey][number]
        cell = next((one for one in row if one.kind == kind), None)
        if cell is None:
            states[call] = "never"
        elif cell in in_turn(number, row):
            wrong = _wrong(here, cell, tmp_path / str(number))
            states[call] = f"red: {wrong}" if wrong else "green"
            if wrong:
                red.append(f"{call}, {kind}: {wrong}")
                here = ground.environment(shipped, anew=True)
        matrix.keep(HERE, journey, kind, states)
    assert not red, "\n".join(red)


def _wrong(here: Environment, cell: Cell, folder: Path) -> str:
    """What did not hold in one cell; empty where all did."""
    try:
        perform(here, cell, folder)
    except (Red, TagshipError) as reason:
        return str(reason) or type(reason).__name__
    return ""
