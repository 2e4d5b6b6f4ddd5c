"""What units of each kind wrote is read: hosts' files by SSM, and functions' streams of CloudWatch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.units import Unit
from tagship.ports.logs import Logged
from tests.contract.stands import STANDS, Stand

KINDS = ["ec2", "lambda", "lambda, no alias"]


def read(stand: Stand, units: list[Unit] | None = None, **window: datetime) -> tuple[list[LogLine], list[str]]:
    target, said = stand.connect(), list[str]()
    assert isinstance(target, Logged)
    since = window.get("since", datetime.now(UTC) - timedelta(minutes=5))
    return list(target.log(units or target.units(), TimeRange(since, window.get("until")), said.append)), said


@pytest.mark.parametrize("kind", KINDS)
def test_every_unit_s_lines_are_read_and_the_time_chooses(kind: str, tmp_path: Path) -> None:
    with STANDS[kind](tmp_path) as stand:
        change = stand.change(stand.good())
        target = stand.connect()
        units = list(target.units())
        target.finish(target.start(change, units), change, units, lambda _: None)
        lines, said = read(stand)
        assert {name for line in lines for name in [unit.name for unit in units] if line.unit.startswith(name)} == {
            unit.name for unit in units
        }
        assert said == []
        assert len({(line.unit, line.id) for line in lines}) == len(lines)
        assert lines == sorted(lines, key=LogLine.order)
        only, _ = read(stand, units[:1])
        assert only
        assert all(line.unit.startswith(units[0].name) for line in only)
        later, _ = read(stand, since=datetime.now(UTC) + timedelta(minutes=5))
        assert later == []
