"""A fleet's rules: who is next, when to stop, who is put back. Made-up fleets, in which hosts fail, join and leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.rollout import Back, Rollout, conclusion, next_step, put_back, why_stop
from tagship.domain.rules import Rules, amount
from tagship.domain.text import listed
from tagship.domain.units import Report, Unit

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
SOME = [*map(str, range(1, 30)), *(f"{percent}%" for percent in (1, 10, 25, 50, 100))]
FEW = ["0", *SOME]


def hosts(count: int, first: int = 0) -> tuple[Unit, ...]:
    return tuple(Unit(f"i-{n}", f"web-{n}", True, noun="host") for n in range(first, first + count))


def healthy(host: Unit, previous: str = OLD) -> Report:
    return Report(host.id, "healthy", NEW, NEW, previous)


def failed(host: Unit, outcome: str = "failed") -> Report:
    return Report(host.id, outcome, NEW, OLD, OLD, "it answered 500")


def carried_out(rules: Rules, rollout: Rollout, answer: Callable[[Unit], Report]) -> tuple[Rollout, list[list[str]]]:
    """The rollout to its end with every host answering so, and the batches that were told."""
    batches: list[list[str]] = []
    while (step := next_step(rules, rollout)).units:
        batches.append([host.id for host in step.units])
        rollout = rollout.heard(answer(host) for host in step.units)
    return rollout.stopped(conclusion(rules, rollout)), batches


rules = st.builds(Rules, st.sampled_from(SOME), st.sampled_from(FEW), st.booleans())
fleets = st.integers(1, 40).map(hosts)


# -- batches -----------------------------------------------------------------------------------------------------------


@given(rules, fleets)
def test_when_all_goes_well_every_host_is_told_once_in_order(chosen: Rules, fleet: tuple[Unit, ...]) -> None:
    rollout, batches = carried_out(chosen, Rollout.begin(NEW, fleet), healthy)
    assert [one for batch in batches for one in batch] == [host.id for host in fleet]
    assert (rollout.stop, rollout.stragglers) == ("", ())


@given(rules, fleets, st.data())
def test_no_batch_is_larger_than_allowed_and_none_follows_too_many_failures(
    chosen: Rules, fleet: tuple[Unit, ...], data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.sampled_from(fleet)))
    rollout, batches = carried_out(
        chosen, Rollout.begin(NEW, fleet), lambda host: failed(host) if host in bad else healthy(host)
    )
    most, allowed = chosen.batch(len(fleet)), chosen.allowed(len(fleet))
    assert all(1 <= len(batch) <= most for batch in batches)
    before_the_last = {one for batch in batches[:-1] for one in batch}
    assert sum(host.id in before_the_last for host in bad) <= allowed
    told = {one for batch in batches for one in batch}
    if not rollout.stop:
        assert told == {host.id for host in fleet}
        assert {one.unit for one in rollout.stragglers} == {host.id for host in bad}
        assert len(bad) <= allowed


@given(rules, st.integers(2, 40).map(hosts))
def test_the_canary_goes_alone_and_its_failure_stops_everything(chosen: Rules, fleet: tuple[Unit, ...]) -> None:
    chosen = replace(chosen, canary=True)
    _, batches = carried_out(chosen, Rollout.begin(NEW, fleet), healthy)
    assert batches[0] == [fleet[0].id]
    rollout, batches = carried_out(
        chosen, Rollout.begin(NEW, fleet), lambda host: failed(host) if host == fleet[0] else healthy(host)
    )
    assert batches == [[fleet[0].id]]
    assert rollout.stop


def test_a_canary_that_stops_serving_while_it_is_watched_has_failed() -> None:
    fleet = hosts(4)
    chosen = Rules("100%", "100%", canary=True)
    rollout = Rollout.begin(NEW, fleet).heard([healthy(fleet[0])])
    assert len(next_step(chosen, rollout).units) == 3
    rollout = rollout.observed([Report(fleet[0].id, "failed", reason="it does not answer")])
    assert next_step(chosen, rollout).stop.startswith(
        "the canary web-0 failed: asked what it runs, it said that nothing"
    )
    assert put_back(chosen, rollout) == [Back(OLD, ("i-0",))]


@pytest.mark.parametrize("outcome", ["held", "refused"])
def test_one_hosts_held_or_refused_is_every_hosts(outcome: str) -> None:
    rollout = Rollout.begin(NEW, hosts(9)).heard([failed(hosts(1)[0], outcome)])
    assert why_stop(Rules("1", "100%"), rollout) == f"web-0 says {outcome}: it answered 500"


@pytest.mark.parametrize(
    ("text", "total", "expected"),
    [("10", 500, 10), ("25%", 500, 125), ("5%", 10, 0), ("100%", 7, 7), ("0", 7, 0), ("50%", 3, 1)],
)
def test_a_percentage_is_of_the_whole_fleet_rounded_down(text: str, total: int, expected: int) -> None:
    assert amount(text, total) == expected


def test_a_batch_is_one_host_at_least() -> None:
    assert Rules("1%").batch(7) == 1


# -- hosts that come and go --------------------------------------------------------------------------------------------


@given(rules, st.integers(2, 30).map(hosts), st.data())
def test_whoever_joins_is_told_last_and_whoever_leaves_is_not_told(
    chosen: Rules, fleet: tuple[Unit, ...], data: st.DataObject
) -> None:
    left = data.draw(st.sets(st.sampled_from(fleet), max_size=len(fleet) - 1))
    joined = hosts(data.draw(st.integers(0, 5)), first=1000)
    rollout = Rollout.begin(NEW, fleet)
    first = next_step(chosen, rollout).units
    rollout = rollout.heard(map(healthy, first)).seen([*joined, *(host for host in fleet if host not in left)])
    rollout, batches = carried_out(chosen, rollout, healthy)
    told = [one for batch in batches for one in batch]
    assert set(told) == {host.id for host in (*fleet, *joined)} - {h.id for h in left} - {h.id for h in first}
    assert told == sorted(told, key=lambda one: one.startswith("i-100"))
    assert set(rollout.gone) == left
    assert rollout.stop == ""


def test_a_host_that_left_after_it_failed_is_no_error() -> None:
    fleet = hosts(3)
    rollout = Rollout.begin(NEW, fleet).heard([failed(fleet[0]), *map(healthy, fleet[1:])])
    assert why_stop(Rules(), rollout)
    assert conclusion(Rules(), rollout.seen(fleet[1:])) == ""


def test_a_host_that_left_is_not_put_back() -> None:
    fleet = hosts(3)
    rollout = Rollout.begin(NEW, fleet).heard(map(healthy, fleet)).seen(fleet[1:])
    assert put_back(Rules(), rollout) == [Back(OLD, ("i-2", "i-1"))]


def test_a_planned_host_that_cannot_be_reached_is_a_straggler_and_one_that_joins_so_is_not() -> None:
    fleet = hosts(3)
    away = replace(fleet[2], online=False, problem="its agent's PingStatus is ConnectionLost")
    new = Unit("i-9", "web-9", False, "no agent has registered")
    rollout, batches = carried_out(Rules("100%", "1"), Rollout.begin(NEW, fleet).seen([*fleet[:2], away, new]), healthy)
    assert batches == [["i-0", "i-1"]]
    assert [(one.unit, one.reason) for one in rollout.stragglers] == [("i-2", away.problem)]
    assert rollout.joining == (new,)
    assert rollout.stop == ""


def test_a_fleet_of_which_nobody_is_left_has_failed() -> None:
    rollout = Rollout.begin(NEW, hosts(2)).heard(map(healthy, hosts(2))).seen(())
    assert conclusion(Rules("100%", "100%"), rollout) == "no host is left"


def test_a_version_that_runs_nowhere_has_failed_however_many_may() -> None:
    rollout, _ = carried_out(Rules("100%", "100%"), Rollout.begin(NEW, hosts(2)), failed)
    assert rollout.stop == "none of 2 hosts runs it"


def test_a_host_that_is_asked_and_says_something_else_is_a_straggler() -> None:
    fleet = hosts(2)
    rollout = Rollout.begin(NEW, fleet).heard(map(healthy, fleet))
    rollout = rollout.observed([healthy(fleet[0]), Report("i-1", "healthy", serving=OLD)])
    [one] = rollout.stragglers
    assert (one.unit, one.outcome, one.previous) == ("i-1", "failed", OLD)
    assert one.reason == f"asked what it runs, it said {OLD}"


def test_a_host_that_failed_keeps_its_reason_when_it_is_asked_again() -> None:
    fleet = hosts(1)
    rollout = Rollout.begin(NEW, fleet).heard([failed(fleet[0])]).observed([Report("i-0", "healthy", serving=OLD)])
    assert [one.reason for one in rollout.stragglers] == ["it answered 500"]


def test_a_host_that_failed_and_serves_it_when_it_is_asked_is_no_straggler() -> None:
    fleet = hosts(1)
    rollout = Rollout.begin(NEW, fleet).heard([failed(fleet[0])]).observed([Report("i-0", "healthy", serving=NEW)])
    assert rollout.stragglers == ()


# -- and back ----------------------------------------------------------------------------------------------------------


@given(rules, fleets, st.data())
def test_exactly_the_changed_hosts_are_put_back_the_last_changed_first(
    chosen: Rules, fleet: tuple[Unit, ...], data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.sampled_from(fleet)))
    ran = data.draw(st.dictionaries(st.sampled_from(fleet), st.sampled_from(["", NEW, OLD, "0.1.7-dev"])))
    rollout, batches = carried_out(
        chosen,
        Rollout.begin(NEW, fleet),
        lambda host: failed(host) if host in bad else healthy(host, ran.get(host, OLD)),
    )
    steps = put_back(chosen, rollout)
    by_id = {host.id: host for host in fleet}
    changed = [by_id[one] for batch in batches for one in batch if by_id[one] not in bad]
    expected = [host.id for host in reversed(changed) if ran.get(host, OLD) not in {"", NEW}]
    assert [one for step in steps for one in step.units] == expected
    assert all(len(step.units) <= chosen.batch(len(fleet)) for step in steps)
    assert all(ran.get(by_id[one], OLD) == step.artifact_id for step in steps for one in step.units)


def test_a_host_that_ran_it_already_is_not_put_back() -> None:
    rollout = Rollout.begin(NEW, hosts(1)).heard([Report("i-0", "unchanged", NEW, NEW, OLD)])
    assert put_back(Rules(), rollout) == []


# -- words -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["web-1", "web-2", "web-3"])), st.integers(1, 12))
def test_few_names_are_all_named_and_many_by_their_number(names: list[str], most: int) -> None:
    text = listed(names, most)
    if len(names) <= most:
        assert text == ", ".join(names)
    else:
        named = text.partition(" and ")[0].split(", ")
        assert text.endswith(f" and {len(names) - len(named)} more")
