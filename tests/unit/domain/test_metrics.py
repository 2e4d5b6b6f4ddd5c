"""Metrics of a ledger that was computed by hand, beside what the code says; and the same in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tagship.domain.deployment import Deployment, Entry, fold
from tagship.domain.metrics import Metrics, Spread, metrics
from tagship.domain.metrics_text import openmetrics, plain

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 11, tzinfo=UTC)  # ten days


def entries(day: float, artifact: str, *states: tuple[str, float], action: str = "deploy", **more: Any) -> list[Entry]:
    """One deployment: each state with the seconds from the first."""
    at = BEGIN + timedelta(days=day)
    id_ = f"{at:%Y%m%d-%H%M%S}-000001-abcdef"
    first = {"committed": (at - timedelta(seconds=more["lead"])).isoformat()} if "lead" in more else {}
    first |= {"size": more["size"]} if "size" in more else {}
    return [
        Entry(
            id_,
            number,
            state,
            (at + timedelta(seconds=after)).isoformat(),
            "hello",
            "dev",
            action,
            artifact,
            "ada",
            "",
            more.get("replaced", ""),
            details=(first if number == 1 else {}) | ({"units": more["units"]} if "units" in more and after else {}),
        )
        for number, (state, after) in enumerate(states, start=1)
    ]


def unit(start: float, health: float, attempts: int) -> dict[str, Any]:
    durations = {"start": start, "health": health}
    return {
        "unit": "i-1",
        "outcome": "healthy",
        "serving": "x",
        "durations": durations,
        "health": {"attempts": attempts},
    }


# By hand, of the ten days from 1 to 11 November:
LEDGER = [
    # before the period: it says what serves when it begins
    *entries(-1, "a", ("requested", 0), ("healthy", 5)),
    # 1 healthy: 10 s, committed 100 s before, 1000 bytes
    *entries(1, "b", ("requested", 0), ("healthy", 10), lead=100, size=1000, replaced="a", units=[unit(1, 4, 2)]),
    # 2 failed and put back by itself: 30 s, recovered 8 s after it had failed
    *entries(2, "c", ("requested", 0), ("failed", 22), ("rolled-back", 30), replaced="b", units=[unit(2, 9, 15)]),
    # 3 healthy: 20 s, committed 300 s before, 3000 bytes; somebody rolls back from it a day later, in 40 s
    *entries(3, "d", ("requested", 0), ("healthy", 20), lead=300, size=3000, replaced="b", units=[unit(3, 5, 3)]),
    *entries(4, "b", ("requested", 0), ("healthy", 40), action="rollback", replaced="d", units=[unit(0, 1, 1)]),
    # heal: what serves already is no change
    *entries(5, "b", ("requested", 0), ("healthy", 3)),
    # abandoned: it says nothing
    *entries(6, "e", ("requested", 0), ("abandoned", 2), replaced="b"),
    # 4 partial: 50 s; 5 rollback-failed: 60 s, and 6 healthy: 15 s, ends it a day later
    *entries(7, "f", ("requested", 0), ("partial", 50), replaced="b"),
    *entries(8, "g", ("requested", 0), ("failed", 55), ("rollback-failed", 60), replaced="f"),
    *entries(9, "h", ("requested", 0), ("healthy", 15), lead=200, size=2000, replaced="f"),
    # still going, and one after the period
    *entries(9.9, "i", ("requested", 0)),
    *entries(12, "j", ("requested", 0), ("healthy", 7), replaced="h"),
]
DAY = 86400.0


def computed(ledger: list[Entry] = LEDGER) -> Metrics:
    return metrics(fold(ledger), "dev", BEGIN, END)


def test_a_ledger_that_was_computed_by_hand() -> None:
    assert computed() == Metrics(
        environment="dev",
        since="2026-11-01T00:00:00+00:00",
        until="2026-11-11T00:00:00+00:00",
        outcomes={"healthy": 3, "partial": 1, "failed": 2},
        abandoned=1,
        rollbacks=1,
        success_rate=0.5,
        rollback_rate=0.1667,
        duration=Spread(6, 20, 60),  # 10 15 20 30 50 60
        phases={"health": Spread(4, 4, 9), "start": Spread(4, 1, 3)},
        health_attempts=Spread(4, 2, 15),
        size=Spread(3, 2000, 3000),
        deployments_a_day=0.3,
        lead_time=Spread(3, 215, 320),  # 110 215 320
        change_failure_rate=0.5,  # c and g failed, d was rolled back from
        recovery_time=Spread(3, DAY - 45, DAY + 20),  # c 8; g: from 60 s on to h's 15 s; d: from 20 s on to b's 40 s
    )


@pytest.mark.parametrize("seed", range(20))
def test_entries_in_any_order_give_the_same_figures(seed: int) -> None:
    shuffled = random.Random(seed).sample(LEDGER, len(LEDGER))
    assert computed(shuffled) == computed()
    deployments: list[Deployment] = fold(LEDGER)
    random.Random(seed).shuffle(deployments)
    assert metrics(deployments, "dev", BEGIN, END) == computed()


def test_nothing_is_counted_of_nothing() -> None:
    empty = metrics([], "dev", BEGIN, END)
    assert (empty.changes, empty.success_rate, empty.change_failure_rate) == (0, None, None)
    assert "no deployment has ended" in plain([empty])


def test_entries_of_before_builds_were_noted_and_odd_ones_are_read() -> None:
    odd = [
        replace(entry, details={"committed": "long ago", "size": "big", "units": [{"durations": 3, "health": 4}]})
        for entry in LEDGER
    ]
    figures = computed(odd)
    assert (figures.lead_time, figures.size, figures.phases) == (Spread(), Spread(), {})
    assert figures.outcomes == computed().outcomes
    assert "lead time, from commit  not known" in plain([figures])


@pytest.mark.parametrize(("ahead", "counted"), [(15, 1), (16, 0)])
def test_a_commit_of_a_clock_that_is_ahead_has_no_lead_time(ahead: int, counted: int) -> None:
    ledger = entries(1, "b", ("requested", 0), ("healthy", 15), lead=-ahead)
    assert computed(ledger).lead_time.count == counted


def test_people_read_it_in_eighty_columns() -> None:
    text = plain([computed()])
    assert "  success rate              50%" in text
    assert "  recovery time" in text
    assert max(map(len, text.splitlines())) <= 80


def test_openmetrics_has_each_family_once_and_an_end() -> None:
    text = openmetrics([computed(), replace(computed(), environment='pr"1')])
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    assert 'tagship_changes{environment="dev",outcome="failed"} 2' in lines
    assert 'tagship_phase_seconds{environment="dev",phase="health",quantile="0.95"} 9' in lines
    assert 'tagship_success_ratio{environment="pr\\"1"} 0.5' in lines
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types)) == 11
    families = [line.partition("{")[0] for line in lines if not line.startswith("#")]
    assert [name for n, name in enumerate(families) if n == 0 or families[n - 1] != name] == types
