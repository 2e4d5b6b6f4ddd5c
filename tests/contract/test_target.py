"""What every kind of target promises, over the hand-written fake, a toy kind, and hosts of EC2 in the sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tagship.domain.change import Change
from tagship.domain.units import OUTCOMES, Operation, Report
from tests.contract.stands import STANDS, Stand

FAILURES = {"failed", "rolled-back", "rollback-failed"}
LONG_AGO = timedelta(hours=1)


@pytest.fixture(scope="module", params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with STANDS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        yield made


def done(stand: Stand, change: Change) -> Sequence[Report]:
    """Carry a change out on every unit."""
    target = stand.connect()
    units = target.units()
    return target.finish(target.start(change, units), change, units, lambda _: None)


def running(stand: Stand) -> tuple[str, str]:
    """A good artifact that every unit runs."""
    artifact = stand.good()
    assert {report.outcome for report in done(stand, stand.change(artifact))} == {"healthy"}
    return artifact


def found(stand: Stand, change: Change) -> Sequence[Operation]:
    """The operations of a change's deployment, as another process finds them."""
    return stand.connect().operations(change.deployment_id, datetime.now(UTC) - LONG_AGO)


# -- what the rest of the promises stand on ----------------------------------------------------------------------------


def test_it_has_units_with_names_of_their_own_and_a_noun(stand: Stand) -> None:
    units = stand.connect().units()
    assert len({unit.id for unit in units}) == len({unit.name for unit in units}) == 2
    assert all(unit.online and unit.noun for unit in units)


def test_a_good_version_is_healthy_and_every_unit_answers_as_it(stand: Stand) -> None:
    before, new = running(stand), stand.good()
    reports = done(stand, stand.change(new))
    assert [(each.outcome, each.serving, each.previous) for each in reports] == [("healthy", new[0], before[0])] * 2
    assert stand.serving() == [new[0]] * 2


def test_an_observation_says_what_each_unit_serves_in_the_order_asked_and_changes_nothing(stand: Stand) -> None:
    artifact = running(stand)
    target = stand.connect()
    units = list(reversed(target.units()))
    for _ in range(2):
        reports = target.observe(units, lambda _: None)
        assert [(each.unit, each.serving) for each in reports] == [(unit.id, artifact[0]) for unit in units]
    assert stand.serving() == [artifact[0]] * 2


def test_a_report_is_one_a_unit_in_the_order_asked_with_a_known_outcome(stand: Stand) -> None:
    change = stand.change(stand.good())
    target = stand.connect()
    units = list(reversed(target.units()))
    ticks: list[str] = []
    reports = target.finish(target.start(change, units), change, units, ticks.append)
    assert [each.unit for each in reports] == [unit.id for unit in units]
    assert {each.outcome for each in reports} <= set(OUTCOMES)
    assert ticks


def test_a_change_of_some_units_leaves_the_others(stand: Stand) -> None:
    before, new = running(stand), stand.good()
    target, change = stand.connect(), stand.change(new)
    first, *_ = target.units()
    [report] = target.finish(target.start(change, [first]), change, [first], lambda _: None)
    assert (report.unit, report.serving) == (first.id, new[0])
    assert sorted(stand.serving()) == sorted([before[0], new[0]])


# -- the six promises --------------------------------------------------------------------------------------------------


def test_1_a_lower_fencing_number_than_one_accepted_changes_nothing(stand: Stand) -> None:
    low = next(stand.fences)
    artifact = running(stand)
    reports = done(stand, stand.change(stand.good(), fence=low))
    assert {each.outcome for each in reports} == {"held"}
    assert stand.serving() == [artifact[0]] * 2


def test_2_what_serves_already_is_unchanged(stand: Stand) -> None:
    artifact = running(stand)
    reports = done(stand, stand.change(artifact))
    assert [(each.outcome, each.serving) for each in reports] == [("unchanged", artifact[0])] * 2


@pytest.mark.parametrize("fault", ["error", "impostor"])
def test_3_and_4_what_does_not_answer_as_that_artifact_is_not_healthy_and_the_one_before_serves(
    stand: Stand, fault: str
) -> None:
    before, bad = running(stand), stand.make(fault)
    reports = done(stand, stand.change(bad))
    assert all(each.outcome in {"failed", "rolled-back"} for each in reports), reports
    assert all((each.serving, each.previous) == (before[0], before[0]) or each.serving == before[0] for each in reports)
    assert all(each.reason for each in reports)
    assert stand.serving() == [before[0]] * 2


def test_4_back_by_a_change_to_what_served_before(stand: Stand) -> None:
    before = running(stand)
    new = running(stand)
    reports = done(stand, stand.change(before, "rollback"))
    assert [(each.outcome, each.serving, each.previous) for each in reports] == [("healthy", before[0], new[0])] * 2
    assert stand.serving() == [before[0]] * 2


def test_5_a_change_that_is_started_twice_is_made_once(stand: Stand) -> None:
    running(stand)
    change = stand.change(stand.good())
    assert {each.outcome for each in done(stand, change)} == {"healthy"}
    assert {each.outcome for each in done(stand, change)} == {stand.repeated}
    assert stand.serving() == [change.artifact_id] * 2


def test_5_a_finish_that_is_repeated_says_the_same(stand: Stand) -> None:
    running(stand)
    change, target = stand.change(stand.good()), stand.connect()
    units = target.units()
    operations = target.start(change, units)
    first = target.finish(operations, change, units, lambda _: None)
    assert target.finish(operations, change, units, lambda _: None) == first
    assert stand.connect().finish(operations, change, units, lambda _: None) == first


def test_5_another_process_finds_what_was_started_and_finishes_it(stand: Stand) -> None:
    running(stand)
    change, target = stand.change(stand.make("slow")), stand.connect()
    units = target.units()
    started = target.start(change, units)
    others = found(stand, change)
    assert [each.id for each in others] == [each.id for each in started]
    assert {(each.action, each.artifact_id) for each in others} == {("deploy", change.artifact_id)}
    assert sorted(unit for each in others for unit in each.units) == sorted(unit.id for unit in units)
    assert all(each.name and each.name != each.id for each in others), "a person finds it by its name"
    reports = stand.connect().finish(others, change, units, lambda _: None)
    assert [each.outcome for each in reports] == ["healthy"] * 2
    assert not any(each.running for each in found(stand, change))


def test_5_another_deployments_operations_are_not_found(stand: Stand) -> None:
    running(stand)
    assert list(found(stand, stand.change(stand.good()))) == []


def test_6_what_is_overtaken_is_not_called_a_failure_of_its_version(stand: Stand) -> None:
    running(stand)
    target, slow = stand.connect(), stand.change(stand.make("slow"))
    units = target.units()
    started = target.start(slow, units)
    stand.connect().cancel(found(stand, slow))
    until_free(stand, slow)
    over = stand.good()
    assert {each.serving for each in done(stand, stand.change(over))} == {over[0]}
    reports = target.finish(started, slow, units, lambda _: None)
    assert not FAILURES & {each.outcome for each in reports}, reports
    assert stand.serving() == [over[0]] * 2


def until_free(stand: Stand, change: Change) -> None:
    until = time.monotonic() + 60
    while any(each.running for each in found(stand, change)):
        assert time.monotonic() < until
        time.sleep(0.1)


# -- what comes up by itself -------------------------------------------------------------------------------------------


def test_what_was_committed_is_what_comes_up_by_itself(stand: Stand) -> None:
    target, change = stand.connect(), stand.change(running(stand))
    assert bool(target.uncommitted(change.artifact_id)) == stand.pointer
    target.committed(change)
    assert stand.connect().uncommitted(change.artifact_id) == ""
    target.committed(change)
    assert stand.connect().uncommitted(change.artifact_id) == ""
