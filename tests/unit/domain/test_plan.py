"""The plan, and what hosts' answers add up to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.deployment import Deployment, Entry
from tagship.domain.plan import Plan, recorded_runs
from tagship.domain.units import OUTCOMES, Report, Unit
from tagship.domain.verdict import ending, is_lost, serves, what_serves

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
HOSTS = tuple(Unit(f"i-{n}", f"web-{n}", True, noun="host") for n in (1, 2, 3))
PLAN = Plan("deploy", "dev", NEW, "0" * 64, HOSTS, {"i-1": OLD, "i-2": OLD, "i-3": OLD}, OLD)
FIRST = replace(PLAN, runs={}, replaces="")


def report(number: int, outcome: str, serving: str = "", previous: str = OLD, reason: str = "because") -> Report:
    return Report(f"i-{number}", outcome, NEW, serving, previous, reason, "evidence")


def healthy(number: int, previous: str = OLD) -> Report:
    return report(number, "healthy", NEW, previous)


def kind(plan: Plan, *reports: Report) -> str:
    return ending(plan, reports, reports).kind


reports = st.builds(
    report, st.integers(1, 3), st.sampled_from(OUTCOMES), st.sampled_from(["", OLD, NEW]), st.sampled_from(["", OLD])
)


@given(st.lists(reports, min_size=1, max_size=4))
def test_healthy_is_said_only_when_every_host_names_the_artifact_as_serving(found: list[Report]) -> None:
    all_serve = all(one.good and one.serving == NEW for one in found)
    assert (kind(PLAN, *found) == "healthy") == all_serve


@given(st.lists(reports, min_size=1, max_size=4))
def test_held_and_refused_are_said_only_when_no_host_came_to_harm(found: list[Report]) -> None:
    if kind(PLAN, *found) in {"held", "refused"}:
        assert not {one.outcome for one in found} & {"failed", "rolled-back", "rollback-failed", "silent"}


@pytest.mark.parametrize(
    ("outcome", "serving", "expected"),
    [
        ("failed", OLD, "failed"),
        ("rolled-back", OLD, "failed"),
        ("failed", "", "lost"),
        ("rollback-failed", "", "lost"),
        ("rollback-failed", NEW, "lost"),
        ("silent", "", "lost"),
        ("held", "", "held"),
        ("refused", "", "refused"),
        ("empty", "", "lost"),
        ("healthy", OLD, "failed"),
    ],
)
def test_one_hosts_word_decides(outcome: str, serving: str, expected: str) -> None:
    assert kind(PLAN, healthy(1), report(2, outcome, serving)) == expected


@pytest.mark.parametrize("outcome", ["failed", "rollback-failed", "silent"])
def test_where_nothing_served_before_nothing_is_lost(outcome: str) -> None:
    assert kind(FIRST, report(1, outcome, previous="")) == "failed"


def test_refused_outweighs_held_and_failed_outweighs_both() -> None:
    held, refused, failed = report(1, "held"), report(2, "refused"), report(3, "failed", OLD)
    assert kind(PLAN, held, refused) == "refused"
    assert kind(PLAN, held, refused, failed) == "failed"


def test_the_reason_is_the_worst_hosts() -> None:
    found = (report(1, "held", reason="busy"), report(2, "failed", OLD, reason="it answered 500"))
    assert ending(PLAN, found, found).reason == "web-2: it answered 500"


def test_what_was_stopped_though_no_host_failed_has_failed_for_that_reason() -> None:
    found = (healthy(1), healthy(2))
    assert ending(PLAN, found, found, "interrupted").kind == "failed"
    assert ending(PLAN, found, found, "interrupted").reason == "interrupted"


def test_many_hosts_are_shown_by_what_they_run() -> None:
    hosts = tuple(Unit(f"i-{n}", f"web-{n}", True, noun="host") for n in range(30))
    plan = replace(PLAN, units=hosts, runs={f"i-{n}": OLD for n in range(28)})
    assert plan.rows() == [["28 hosts", "", OLD, NEW], ["2 hosts", "", "not known", NEW]]


def test_the_ledger_alone_can_say_that_something_is_lost() -> None:
    assert is_lost(report(1, "silent", previous=""), known=OLD)
    assert not is_lost(report(1, "silent", previous=""), known="")


@pytest.mark.parametrize(
    ("final", "sentence"),
    [
        ([report(1, "failed", OLD), report(2, "failed", OLD)], f"{OLD} is serving."),
        ([report(1, "failed", OLD), healthy(2)], f"{OLD} is serving on web-1, and {NEW} is serving on web-2."),
        ([report(1, "failed", "")], "Nothing is serving."),
        ([report(1, "failed", "", previous="")], "Nothing was serving before, and nothing is now."),
        ([report(1, "silent"), healthy(2)], f"What is serving is unknown on web-1, and {NEW} is serving on web-2."),
        ([report(1, "held")], "No host was changed."),
    ],
)
def test_what_serves_is_one_sentence(final: list[Report], sentence: str) -> None:
    assert what_serves(HOSTS, final) == sentence


def test_the_ledgers_last_word_of_each_host_counts_and_silence_is_no_word() -> None:
    def entry(number: int, *hosts: dict[str, str]) -> Entry:
        made = Entry("d", number, "healthy", "2026-11-20T12:00:00", "hello", "dev", "deploy", NEW, "ada", "")
        return replace(made, details={"units": list(hosts)})

    one = Deployment(
        (
            entry(1, {"unit": "i-1", "outcome": "healthy", "serving": OLD}),
            entry(2, {"unit": "i-1", "outcome": "healthy", "serving": NEW}),
            entry(3, {"unit": "i-1", "outcome": "silent", "serving": ""}),
        )
    )
    assert recorded_runs([one]) == {"i-1": NEW}


def test_the_plan_shows_what_runs_on_each_host() -> None:
    assert replace(FIRST, runs={"i-2": OLD}).rows()[:2] == [
        ["web-1", "i-1", "not known", NEW],
        ["web-2", "i-2", OLD, NEW],
    ]


def test_serving_another_version_in_good_health_is_not_serving_this_one() -> None:
    assert not serves(report(1, "healthy", OLD), NEW)
