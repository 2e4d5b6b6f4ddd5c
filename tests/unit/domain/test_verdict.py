"""How a deployment ended: the kind, the reason and the evidence together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.domain.plan import Plan
from tagship.domain.text import MANY
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import Ending, ending, evidence, is_lost, unserved, what_serves
from tagship.domain.version import ArtifactId
from tagship.errors import DeployFailed, Incomplete, RollbackFailed, TagshipError

OLD, NEW = ArtifactId("0.1.29-dev"), ArtifactId("0.1.30-dev")
HOSTS = tuple(Unit(f"i-{n}", f"web-{n}", True, noun="host") for n in (1, 2, 3))
PLAN = Plan("deploy", "dev", NEW, "0" * 64, HOSTS, {"i-1": OLD, "i-2": OLD, "i-3": OLD}, OLD)
ALONE = replace(PLAN, units=HOSTS[:1])


def report(number: int, outcome: str, serving: str = OLD, reason: str = "because", proof: str = "") -> Report:
    return Report(f"i-{number}", outcome, NEW, serving, OLD, reason, proof)


WELL = report(1, "healthy", NEW)


def judged(*reports: Report, plan: Plan = PLAN, stop: str = "") -> Ending:
    return ending(plan, reports, reports, stop)


def test_healthy_needs_no_reason() -> None:
    assert judged(WELL) == ending(PLAN, [WELL], [WELL]) == Ending("healthy", "", "")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        (
            [WELL, report(2, "failed", reason="it answered 500", proof="boom\n")],
            Ending("failed", "web-2: it answered 500", "--- web-2 (i-2)\nboom"),
        ),
        (
            [report(1, "failed", proof="boom"), report(2, "rollback-failed", "", "it is down", "bang")],
            Ending("lost", "web-2: it is down", "--- web-1 (i-1)\nboom\n--- web-2 (i-2)\nbang"),
        ),
        (
            [report(1, "refused", proof="no"), report(2, "held", proof="busy")],
            Ending("refused", "web-1: because", "--- web-1 (i-1)\nno"),
        ),
        ([report(1, "held", proof="busy"), report(2, "superseded")], Ending("held", "web-1, web-2: because", "")),
        ([WELL, report(2, "held"), report(3, "superseded")], Ending("held", "web-2, web-3: because", "")),
        (
            [report(1, "held"), report(2, "healthy", OLD, "")],
            Ending("failed", "web-1, web-2: because", ""),
        ),
        (
            [WELL, report(2, "healthy", OLD, "", "boom")],
            Ending("failed", "web-2: the host said healthy", "--- web-2 (i-2)\nboom"),
        ),
    ],
)
def test_the_worst_kind_decides_with_its_reason_and_its_evidence(reports: list[Report], expected: Ending) -> None:
    assert judged(*reports) == expected


@pytest.mark.parametrize("outcome", ["failed", "rolled-back", "rollback-failed", "silent"])
def test_a_failure_decides_beside_a_refusal(outcome: str) -> None:
    first = replace(PLAN, runs={}, replaces="")
    found = judged(report(1, "refused"), Report("i-2", outcome, reason="it broke"), plan=first)
    assert found == Ending("failed", "web-2: it broke", "")


def test_what_the_ledger_says_a_silent_host_ran_is_lost() -> None:
    silent = Report("i-1", "silent", reason="no answer")
    assert judged(silent) == Ending("lost", "web-1: no answer", "")
    assert judged(silent, plan=replace(PLAN, runs={"i-2": OLD})).kind == "failed"


def test_a_host_that_the_plan_does_not_know_goes_by_its_id() -> None:
    assert judged(report(9, "failed")).reason == "i-9: because"


def test_of_one_host_the_reason_needs_no_name() -> None:
    assert judged(report(1, "failed"), plan=ALONE) == Ending("failed", "because", "")


def test_a_stop_is_the_reason_if_no_host_is() -> None:
    assert judged(WELL, stop="interrupted") == Ending("failed", "interrupted", "")
    assert judged(WELL, report(2, "failed"), stop="interrupted").reason == "web-2: because"


def test_what_was_put_back_is_not_lost() -> None:
    reports = [report(1, "rollback-failed", "")]
    assert ending(PLAN, reports, [report(1, "healthy")]).kind == "failed"
    assert ending(PLAN, reports, [report(1, "silent", "")]).kind == "lost"


@pytest.mark.parametrize(
    ("outcome", "serving", "previous", "known", "lost"),
    [
        ("silent", OLD, OLD, "", True),
        ("silent", "", "", OLD, True),
        ("silent", "", "", "", False),
        ("rollback-failed", NEW, OLD, "", True),
        ("failed", "", OLD, "", True),
        ("failed", OLD, OLD, OLD, False),
        ("held", "", OLD, OLD, False),
        ("refused", "", OLD, OLD, False),
        ("superseded", "", OLD, OLD, False),
    ],
)
def test_lost_is_what_served_and_is_not_known_to(
    outcome: str, serving: str, previous: str, known: str, lost: bool
) -> None:
    assert is_lost(Report("i-1", outcome, NEW, serving, previous), known) is lost


def test_the_evidence_of_many_is_cut_and_a_host_that_left_goes_by_its_id() -> None:
    plan = replace(PLAN, units=())
    lines = evidence(plan, [report(number, "failed", proof="boom  \n") for number in range(99)]).splitlines()
    assert lines[:2] == ["--- i-0 (i-0)", "boom"]
    assert len(lines) == 2 * MANY


def test_what_serves_where_no_host_is_left_or_one_is_not_known() -> None:
    assert what_serves(HOSTS, []) == "No host is left."
    assert what_serves([], [report(9, "failed"), report(1, "failed", NEW)]) == (
        f"{OLD} is serving on i-9, and {NEW} is serving on i-1."
    )
    for outcome in ("held", "refused", "superseded"):
        assert what_serves(HOSTS, [report(1, outcome, "")]) == "No host was changed."
    assert what_serves(HOSTS, [report(1, "refused", OLD)]) == f"{OLD} is serving."


@pytest.mark.parametrize(
    ("reports", "kind"),
    [
        ([WELL, report(2, "silent", "")], Incomplete),
        ([report(1, "healthy"), report(2, "unchanged")], DeployFailed),
        ([report(1, "healthy"), report(2, "failed")], RollbackFailed),
        ([report(1, "healthy"), report(2, "healthy", "")], RollbackFailed),
        ([report(1, "silent", "")], RollbackFailed),
    ],
)
def test_a_version_that_does_not_serve_everywhere_is_told_by_what_does(
    reports: list[Report], kind: type[TagshipError]
) -> None:
    assert unserved(NEW, reports) is kind


def test_what_could_not_be_touched_is_named_beside_what_serves() -> None:
    assert (
        what_serves(HOSTS, [WELL], HOSTS[1:]) == f"{NEW} is serving on web-1, and nothing was changed on web-2, web-3."
    )
    assert what_serves(HOSTS, [report(1, "held", "")], HOSTS[1:]) == "No host was changed."


def test_what_nobody_changed_is_named_also_if_all_that_were_changed_have_left() -> None:
    assert what_serves(HOSTS, [], HOSTS[1:]) == "Nothing was changed on web-2, web-3."
