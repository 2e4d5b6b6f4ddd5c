"""Which artifacts go: decided from values alone, and never one that something protects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.deployment import Deployment, Entry, fold
from tagship.domain.mark import Mark
from tagship.domain.retention import (
    KEEP,
    Policy,
    Retention,
    StoredArtifact,
    Use,
    healthy_versions,
    protected,
)
from tagship.domain.standing import ways_back

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
IDS = [f"0.1.{number}-dev" for number in range(12)]


def deployment(
    number: int, artifact: str, *states: str, replaced: str = "", at: datetime = LONG_AGO, action: str = "deploy"
) -> Deployment:
    when = at + timedelta(minutes=number)
    id_ = f"{when:%Y%m%d-%H%M%S}-{number:06}-abcdef"
    entries = [
        Entry(id_, count, state, when.isoformat(), "hello", "dev", action, artifact, "ada", "", replaced)
        for count, state in enumerate(states, start=1)
    ]
    return fold(entries)[0]


def healthy(*artifacts: str) -> list[Deployment]:
    return [deployment(number, artifact, "requested", "healthy") for number, artifact in enumerate(artifacts)]


def mark(artifact: str, judgement: str, number: int = 1) -> Mark:
    at = NOW.isoformat()
    return Mark(f"20261128-120000-{number:06}-abcdef", judgement, at, "hello", "dev", artifact, "ada", "", "because")


def old(artifact: str, **changes: object) -> StoredArtifact:
    return StoredArtifact(artifact, 1000, LONG_AGO, 5, **changes)  # type: ignore[arg-type]


def goes(artifact: StoredArtifact, use: Use, policy: Policy | None = None) -> bool:
    return Retention.of(use, policy or Policy(), NOW).verdict(artifact).goes


def reason(artifact: str, use: Use) -> str:
    return protected(use)[artifact]


def test_an_old_artifact_that_nothing_uses_goes() -> None:
    assert goes(old(IDS[0]), Use(healthy(*IDS)))


def test_one_that_is_younger_than_asked_stays() -> None:
    young = StoredArtifact(IDS[0], 1, NOW - timedelta(days=6), 5)
    assert not goes(young, Use(healthy(*IDS)))
    assert goes(young, Use(healthy(*IDS)), Policy(days=3))


def test_age_counts_from_the_last_deployment() -> None:
    again = deployment(99, IDS[0], "requested", "healthy", at=NOW - timedelta(days=1))
    assert not goes(old(IDS[0]), Use([*healthy(*IDS), again, deployment(100, IDS[1], "requested", "healthy", at=NOW)]))


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (Use([], units={"web-1": [IDS[0]]}), "web-1 runs it"),
        (Use([], units={"web-1": [IDS[1], IDS[0]]}), "web-1 ran it before"),
        (Use(healthy(IDS[0])), "the ledger says that it runs"),
        (Use([], starting=[IDS[0]]), "units that start run it"),
        (Use([], window=[IDS[0]]), "a rollback may go to it"),
        (Use([], promotable=IDS[0]), "it passed its tests, and was not promoted yet"),
        (Use([deployment(1, IDS[0], "requested", "started")]), "its deployment has not ended"),
        (
            Use([deployment(1, IDS[1], "requested", replaced=IDS[0])]),
            "a deployment that has not ended replaces it",
        ),
        (Use([], others={"prod": healthy(IDS[0])}), "the ledger says that it runs on prod"),
        (Use([], others={"prod": healthy(IDS[0], IDS[1])}), "a rollback of prod may go to it"),
        (Use([], marks=[mark(IDS[0], "good")]), "somebody marked it good"),
        (Use([], newest=[IDS[0]]), "one of the newest 1 healthy ones"),
    ],
)
def test_what_is_in_use_stays_and_says_why(use: Use, why: str) -> None:
    assert reason(IDS[0], use) == why
    assert not goes(old(IDS[0]), use, Policy(days=0, keep=0))


def test_the_last_mark_counts() -> None:
    assert IDS[0] not in protected(Use([], marks=[mark(IDS[0], "good", 1), mark(IDS[0], "bad", 2)]))


def test_failed_ones_and_those_that_are_marked_bad_are_not_counted_as_healthy() -> None:
    history = [
        *healthy(IDS[0], IDS[1], IDS[2]),
        deployment(50, IDS[3], "requested", "failed", "rolled-back", replaced=IDS[2]),
    ]
    assert healthy_versions(history, [mark(IDS[1], "bad")]) == [IDS[2], IDS[0]]


def test_what_was_never_deployed_stays_for_a_day_whatever_was_asked_for() -> None:
    fresh = StoredArtifact(IDS[0], 1, NOW - timedelta(hours=23), 5)
    assert not goes(fresh, Use([]), Policy(days=0, keep=0))
    assert goes(old(IDS[0]), Use([]))


def test_what_has_no_manifest_goes_when_it_is_old_and_not_while_it_is_being_stored() -> None:
    assert goes(old(IDS[0], whole=False), Use([]))
    storing = StoredArtifact(IDS[0], 1, NOW - timedelta(minutes=5), 1, whole=False)
    assert not goes(storing, Use([]), Policy(days=0, keep=0))


# -- whatever happened, what is protected stays ------------------------------------------------------------------------

ENDS = [
    ("requested", "healthy"),
    ("requested", "started", "partial"),
    ("requested", "started", "failed", "rolled-back"),
    ("requested", "started", "failed", "rollback-failed"),
    ("requested", "abandoned"),
]
RUNNING = [("requested",), ("requested", "started"), ("requested", "started", "failed")]


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Deployment]:
    """What the ledger may say: all but the last have ended, and each replaces what served before."""
    count = draw(st.integers(0, 10))
    made: list[Deployment] = []
    runs = ""
    for number in range(count):
        ends = [*ENDS, *RUNNING] if number == count - 1 else ENDS
        states = draw(st.sampled_from(ends))
        artifact = draw(st.sampled_from(IDS))
        action = draw(st.sampled_from(["deploy", "rollback"]))
        made.append(deployment(number, artifact, *states, replaced=runs, action=action))
        runs = artifact if states[-1] in {"healthy", "partial"} else runs
    return made


ARTIFACTS = st.sampled_from(IDS)
MARKS = st.lists(st.tuples(ARTIFACTS, st.sampled_from(["good", "bad"])), max_size=4)


@given(
    ledgers=st.tuples(histories(), histories()),
    marks=MARKS,
    runs=st.lists(ARTIFACTS, max_size=3),
    starting=st.lists(ARTIFACTS, max_size=1),
    policy=st.builds(Policy, st.integers(0, 30), st.integers(0, 12)),
)
def test_nothing_that_is_protected_ever_goes(
    ledgers: tuple[Sequence[Deployment], Sequence[Deployment]],
    marks: list[tuple[str, str]],
    runs: list[str],
    starting: list[str],
    policy: Policy,
) -> None:
    """The list below is the promise, spelled a second time and not by the code's own means."""
    history, other = ledgers
    judged = [mark(artifact, judgement, number) for number, (artifact, judgement) in enumerate(marks)]
    newest = healthy_versions(history, judged)[: policy.keep]
    back = ways_back(history, judged)[:2]
    use = Use(history, judged, {"web-1": runs}, starting, newest, back, {"prod": other})
    gone = {artifact for artifact in IDS if goes(old(artifact), use, policy)}
    assert not gone & {*runs, *starting, *newest, *back}
    for ledger in ledgers:
        served = [one.artifact_id for one in ledger if one.state in {"healthy", "partial"}]
        assert not gone & set(served[-1:])
        if ledger and ledger[-1].state in {"requested", "started", "failed"}:
            assert not gone & {ledger[-1].artifact_id, ledger[-1].last.replaced}
    assert not {artifact for artifact, judgement in dict(marks).items() if judgement == "good"} & gone


def test_while_an_environment_is_held_nothing_goes() -> None:
    assert not goes(old(IDS[0]), Use(healthy(*IDS), hold="dev is frozen"))


def test_five_are_kept_unless_another_number_is_given() -> None:
    assert (Policy().days, Policy().keep, KEEP) == (7, 5, 5)
