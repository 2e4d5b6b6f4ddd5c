"""A fleet's rules: who is next, when to stop, who is put back. Made-up fleets, in which hosts fail, join and leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.rollout_decision import Back, Rollout, conclusion, next_step, put_back, why_stop
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


def test_a_host_that_is_the_only_one_is_no_canary() -> None:
    chosen = Rules(canary=True)
    alone, first = (next_step(chosen, Rollout.begin(NEW, hosts(count))) for count in (1, 2))
    assert (alone.units, alone.canary) == (hosts(1), False)
    assert (first.units, first.canary) == (hosts(1), True)


@pytest.mark.parametrize("outcome", ["held", "refused", "superseded"])
def test_one_hosts_held_or_refused_is_every_hosts(outcome: str) -> None:
    rollout = Rollout.begin(NEW, hosts(9)).heard([failed(hosts(1)[0], outcome)])
    assert why_stop(Rules("1", "100%"), rollout) == f"web-0 says {outcome}: it answered 500"


def test_a_host_that_refuses_without_a_word_stops_everything_too() -> None:
    rollout = Rollout.begin(NEW, hosts(9)).heard([Report("i-0", "refused")])
    assert why_stop(Rules("1", "100%"), rollout) == "web-0 says refused: no reason given"


@pytest.mark.parametrize("outcome", ["failed", "held", "refused", "superseded", "silent"])
def test_a_rollout_that_goes_everywhere_tries_every_host_once_whatever_becomes_of_it(outcome: str) -> None:
    chosen = Rules("2", "0", canary=True, bake=60).urgent()
    fleet = hosts(4)
    rollout, batches = carried_out(chosen, Rollout.begin(NEW, fleet), lambda host: failed(host, outcome))
    assert batches == [["i-0", "i-1"], ["i-2", "i-3"]]
    assert rollout.stop == "none of 4 hosts runs it"
    mixed = Rollout.begin(NEW, fleet).heard([failed(fleet[0], outcome), *map(healthy, fleet[1:])])
    assert (why_stop(chosen, mixed), conclusion(chosen, mixed)) == ("", "")


def test_what_is_urgent_or_all_or_nothing_keeps_its_batches_and_has_no_canary() -> None:
    chosen = Rules("2", "50%", canary=True, bake=60)
    urgent, strict = chosen.urgent(), chosen.all_or_nothing()
    assert [(rule.batch(8), rule.canary, rule.bake) for rule in (urgent, strict)] == [(2, False, 60)] * 2
    assert (urgent.everywhere, urgent.allowed(8)) == (True, 8)
    assert (strict.everywhere, strict.allowed(8)) == (False, 0)
    assert chosen.allowed(8) == 4


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
    away = replace(fleet[2], online=False, problem="its SSM agent doesn't answer (ConnectionLost)")
    new = Unit("i-9", "web-9", False, "no agent has registered")
    rollout, batches = carried_out(Rules("100%", "1"), Rollout.begin(NEW, fleet).seen([*fleet[:2], away, new]), healthy)
    assert batches == [["i-0", "i-1"]]
    assert [(one.unit, one.reason) for one in rollout.stragglers] == [("i-2", away.problem)]
    assert rollout.joining == (new,)
    assert rollout.stop == ""


def test_a_host_that_left_is_passed_over_and_those_changed_before_it_are_put_back() -> None:
    fleet = hosts(3)
    rollout = Rollout.begin(NEW, fleet).heard(map(healthy, fleet)).seen((fleet[0], fleet[2]))
    assert put_back(Rules("1"), rollout) == [Back(OLD, ("i-2",)), Back(OLD, ("i-0",))]


def test_a_host_that_joins_and_can_be_reached_is_one_of_them_and_counts() -> None:
    fleet, [new] = hosts(2), hosts(1, first=9)
    away = replace(hosts(1, first=8)[0], online=False, problem="no agent has registered")
    rollout = Rollout.begin(NEW, fleet).heard(map(healthy, fleet)).seen((new, *fleet, away))
    assert rollout.units == (*fleet, new, away)
    assert rollout.names == {"i-0": "web-0", "i-1": "web-1", "i-9": "web-9", "i-8": "web-8"}
    assert (rollout.total, rollout.size) == (2, 3)
    assert (rollout.waiting, rollout.untouched) == ((new,), (new,))


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
    assert [(one.serving, one.previous) for one in rollout.serving] == [(NEW, OLD)]


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (Report("i-1", "healthy", serving=OLD, previous=OLD), "failed", f"it said {OLD}"),
        (
            Report("i-1", "failed", reason="connection refused"),
            "failed",
            "it said that nothing serves: connection refused",
        ),
        (Report("i-1", "silent", reason="no agent"), "silent", "it said nothing: no agent"),
        (Report("i-1", "silent"), "silent", "it said nothing"),
    ],
)
def test_a_host_that_is_asked_and_does_not_serve_it_is_a_straggler_with_its_own_answer(
    answer: Report, outcome: str, reason: str
) -> None:
    fleet = hosts(2)
    rollout = Rollout.begin(NEW, fleet).heard(map(healthy, fleet)).observed([healthy(fleet[0]), answer])
    [one] = rollout.stragglers
    assert (one.unit, one.outcome, one.serving, one.previous) == ("i-1", outcome, answer.serving, OLD)
    assert one.reason == f"asked what it runs, {reason}"
    assert put_back(Rules(), rollout) == [Back(OLD, ("i-1", "i-0"))]


# -- a heal: some run it already, and are only asked -------------------------------------------------------------------


def a_heal() -> Rollout:
    """Two of four hosts lacked it and were changed; the other two ran it already."""
    fleet = hosts(4)
    return Rollout.begin(NEW, fleet[:2], fleet[2:]).heard(map(healthy, fleet[:2]))


def test_a_host_that_ran_it_already_and_still_does_is_known_to_and_was_told_nothing() -> None:
    rollout = a_heal().observed(Report(host.id, "healthy", serving=NEW) for host in hosts(4))
    assert [(one.unit, one.outcome, one.serving) for one in rollout.known] == [
        ("i-0", "healthy", NEW),
        ("i-1", "healthy", NEW),
        ("i-2", "unchanged", NEW),
        ("i-3", "unchanged", NEW),
    ]
    assert {one.unit for one in rollout.here} == {"i-0", "i-1"}
    assert (rollout.total, rollout.size, rollout.untouched, rollout.lagging) == (4, 4, (), ())


def test_a_host_that_ran_it_already_and_does_not_any_more_is_a_straggler() -> None:
    rollout = a_heal().observed([Report("i-2", "healthy", serving=OLD, previous=OLD)])
    [one] = rollout.stragglers
    assert (one.unit, one.outcome, one.previous, one.reason) == (
        *("i-2", "failed", OLD),
        f"asked what it runs, it said {OLD}",
    )
    assert [(one.unit, one.serving) for one in rollout.known] == [
        *(("i-0", NEW), ("i-1", NEW)),
        *(("i-2", OLD), ("i-3", NEW)),
    ]
    assert [back.units for back in put_back(Rules(), rollout)] == [("i-1", "i-0")]


def test_a_host_that_ran_it_already_and_left_is_not_known_to_run_anything() -> None:
    rollout = a_heal().seen(hosts(3))
    assert [one.unit for one in rollout.known] == ["i-0", "i-1", "i-2"]


# -- who lacks it, and why ---------------------------------------------------------------------------------------------


def test_whoever_lacks_it_is_listed_once_with_the_reason() -> None:
    """One failed, one went out of reach before its turn, one was not reached by the rollout, one is skipped."""
    fleet, skipped = hosts(5), hosts(2, first=7)
    away = replace(fleet[2], online=False, problem="its SSM agent doesn't answer (ConnectionLost)")
    rollout = Rollout.begin(NEW, fleet, skipped=skipped).heard([healthy(fleet[0]), failed(fleet[1])])
    rollout = rollout.seen([*fleet[:2], away, *fleet[3:], skipped[0]])  # the other skipped one left
    assert [(one.unit, one.outcome, one.reason) for one in rollout.lagging] == [
        ("i-1", "failed", "it answered 500"),
        ("i-2", "silent", "its SSM agent doesn't answer (ConnectionLost)"),
        ("i-3", "silent", "its turn never came"),
        ("i-4", "silent", "its turn never came"),
        ("i-7", "silent", "skipped"),
    ]
    assert [one.unit for one in rollout.known] == ["i-0", "i-1", "i-2", "i-3", "i-4", "i-7"]
    assert [host.id for host in rollout.untouched] == ["i-2", "i-3", "i-4", "i-7"]
    assert (rollout.total, rollout.gone) == (5, (skipped[1],))


def test_a_host_that_failed_and_went_out_of_reach_is_listed_once() -> None:
    fleet = hosts(2)
    away = replace(fleet[1], online=False)
    rollout = Rollout.begin(NEW, fleet).heard([healthy(fleet[0]), failed(fleet[1])]).seen([fleet[0], away])
    assert [(one.unit, one.reason) for one in rollout.lagging] == [("i-1", "it answered 500")]


@pytest.mark.parametrize(
    ("bad", "away", "sentence"),
    [
        ([0], [], "web-0 failed, and max_errors is 0"),
        ([], [5], "web-5 cannot be reached, and max_errors is 0"),
        ([0, 1], [], "2 hosts failed (web-0, web-1), and max_errors is 0"),
        ([], [4, 5], "2 hosts cannot be reached (web-4, web-5), and max_errors is 0"),
        ([0], [5], "2 hosts failed or cannot be reached (web-0, web-5), and max_errors is 0"),
        ([0, 1, 2, 3], [], "4 hosts failed (web-0, web-1, web-2, web-3), and max_errors is 0"),
        ([0, 1, 2, 3, 4], [], "5 hosts failed (web-0, web-1 and 3 more), and max_errors is 0"),
    ],
)
def test_too_many_failures_are_named_with_what_happened_to_them(bad: list[int], away: list[int], sentence: str) -> None:
    fleet = hosts(6)
    rollout = Rollout.begin(NEW, fleet).heard(failed(fleet[number]) for number in bad)
    rollout = rollout.seen([replace(host, online=number not in away) for number, host in enumerate(fleet)])
    assert why_stop(Rules(), rollout) == sentence


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
