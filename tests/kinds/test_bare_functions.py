"""Functions without an alias: callers meet what is updated at once, so what served before is kept, and restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.targets.lambda_.bare import LARGEST, MIXED, _too_large
from tagship.domain.lambda_.record import ENDED, Record
from tagship.errors import ServiceFailed
from tests.contract.functions import PATIENT, Functions, switch

OLD, NEW, NEXT = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"


@pytest.fixture
def place() -> Iterator[Functions]:
    """Two functions that nothing was deployed to yet."""
    made = Functions.made(["one", "two"], alias="", health=PATIENT)
    yield made
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    made.remove()


def outcomes(reports: Any) -> dict[str, str]:
    return {name: report.outcome for name, report in reports.items()}


def state(place: Functions) -> list[tuple[str, dict[str, str]]]:
    """Code and variables of each function."""
    rows = [place.client.get_function_configuration(FunctionName=name) for name in place.names]
    return [(row["CodeSha256"], row["Environment"]["Variables"]) for row in rows]


def test_a_first_deployment_that_fails_gives_back_the_code_and_the_variables_of_infrastructure(
    place: Functions,
) -> None:
    before = state(place)
    reports = place.deploy(NEW, {"two": "error"})
    assert outcomes(reports) == {"one": "rolled-back", "two": "rolled-back"}
    assert reports["two"].reason == "it failed with RuntimeError: it is broken"
    assert reports["one"].reason == f"{place.names[1]} could not be changed, and they change together"
    assert "asked {} with error" in reports["two"].evidence
    assert state(place) == before


def test_a_deployment_that_fails_gives_back_the_version_before_and_asks_it_as_often_as_after_a_rollback(
    place: Functions,
) -> None:
    place.deploy(OLD)
    before = state(place)
    assert outcomes(place.deploy(NEW, "error")) == {"one": "rolled-back", "two": "rolled-back"}
    assert (state(place), place.serving()) == (before, [OLD, OLD])


def test_what_does_not_answer_after_it_was_put_back_is_no_success(place: Functions) -> None:
    place.deploy(OLD)
    change, target = place.change(place.publish(NEW, "error")), place.connect()
    operations = target.start(change, target.units())
    switch(throttled=100)
    reports = target.finish(operations, change, target.units(), lambda _: None)
    switch(throttled=0)
    assert {report.outcome for report in reports} == {"rollback-failed"}
    assert place.serving() == [OLD, OLD]


def test_it_reaches_callers_without_an_alias_and_makes_none(place: Functions) -> None:
    assert outcomes(place.deploy(OLD)) == {"one": "healthy", "two": "healthy"}
    assert place.client.list_aliases(FunctionName=place.names[0])["Aliases"] == []
    assert place.serving() == [OLD, OLD]


def test_an_artifact_without_the_package_is_refused_before_any_function_changes(place: Functions) -> None:
    place.deploy(OLD)
    version, _ = place.publish(NEW)
    key = f"hello/dev/{version}/manifest.json"
    stored = place.app.store.get(key)
    assert stored
    place.app.store.replace(key, stored.body.replace(b'"two"', b'"owt"'), stored.etag)
    before = state(place)
    reports = place.carry_out(place.change(place.artifact(version)))
    assert outcomes(reports) == {"one": "failed", "two": "refused"}
    assert (reports["two"].reason, reports["two"].serving) == (f"{NEW} has no package two", OLD)
    assert state(place) == before


def test_a_function_that_somebody_changed_is_drift_and_a_heal_mends_it(place: Functions) -> None:
    artifact = place.publish(OLD)
    place.carry_out(place.change(artifact))
    place.client.update_function_configuration(
        FunctionName=place.names[0], Environment={"Variables": {"VERSION": "by hand"}}
    )
    target = place.connect()
    changed, same = target.observe(target.units(), lambda _: None)
    assert (changed.outcome, changed.reason, changed.serving) == ("failed", MIXED, "")
    assert (same.outcome, same.serving) == ("healthy", OLD)
    heal = replace(place.change(artifact), keeps=True)
    assert outcomes(place.carry_out(heal)) == {"one": "healthy", "two": "unchanged"}
    assert place.serving() == [OLD, OLD]


def test_a_function_that_somebody_changed_meanwhile_is_left_to_them(place: Functions) -> None:
    place.deploy(OLD)
    change, target = place.change(place.publish(NEW)), place.connect()
    operations = target.start(change, target.units())
    place.client.update_function_configuration(FunctionName=place.names[0], Description="by hand")
    left, given_up = target.finish(operations, change, target.units(), lambda _: None)
    assert (left.outcome, left.reason) == ("superseded", "somebody else changed it meanwhile")
    assert given_up.outcome == "superseded"
    description = place.client.get_function_configuration(FunctionName=place.names[0])["Description"]
    assert description == "by hand"


def test_a_lower_fencing_number_that_comes_late_finds_the_higher_one_and_changes_nothing(place: Functions) -> None:
    place.deploy(OLD)
    slow, target = place.change(place.publish(NEW)), place.connect()
    operations = target.start(slow, target.units())
    assert outcomes(place.deploy(NEXT)) == {"one": "healthy", "two": "healthy"}
    reports = target.finish(operations, slow, target.units(), lambda _: None)
    assert {report.outcome for report in reports} == {"superseded"}
    assert place.serving() == [NEXT, NEXT]


def test_what_a_dead_process_half_changed_is_put_back_to_what_served_before_it(place: Functions) -> None:
    """It gave the function the new variables, and died before the code."""
    old = place.publish(OLD)
    place.carry_out(place.change(old))
    before = state(place)
    change, target = place.change(place.publish(NEW)), place.connect()
    target.start(change, target.units())
    name = place.names[0]
    variables = {**before[0][1], "VERSION": NEW}
    place.client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    [report, _] = target.observe(target.units(), lambda _: None)
    assert (report.outcome, report.reason) == ("failed", MIXED)
    assert outcomes(place.deploy(NEXT, "error")) == {"one": "rolled-back", "two": "rolled-back"}
    assert (state(place), place.serving()) == (before, [OLD, OLD])


def test_a_dead_processs_change_is_ended_by_name_and_taken_up_by_nobody(place: Functions) -> None:
    place.deploy(OLD)
    change, target = place.change(place.publish(NEW)), place.connect()
    operations = target.start(change, target.units())
    place.connect().cancel(operations)
    reports = place.connect().finish(operations, change, target.units(), lambda _: None)
    assert [(report.outcome, report.serving) for report in reports] == [("failed", OLD)] * 2
    record = Record.read(place.client.get_function_configuration(FunctionName=place.names[0])["Description"])
    assert record
    assert record.state == ENDED


def test_a_version_that_keeps_what_served_and_was_deleted_is_told(place: Functions) -> None:
    place.deploy(OLD)
    change, target = place.change(place.publish(NEW, "error")), place.connect()
    operations = target.start(change, target.units())
    for name in place.names:
        record = Record.read(place.client.get_function_configuration(FunctionName=name)["Description"])
        assert record
        place.client.delete_function(FunctionName=name, Qualifier=record.previous_number)
    reports = target.finish(operations, change, target.units(), lambda _: None)
    assert {(report.outcome, report.serving) for report in reports} == {("rollback-failed", NEW)}
    assert all(report.reason.endswith(" is gone") for report in reports)


def test_a_zip_file_that_a_request_could_not_carry_back_is_left_alone(place: Functions) -> None:
    now = place.connect()._calls(place.names[0]).configuration()
    assert _too_large(replace(now, size=LARGEST)) == ""
    assert "give it an alias" in _too_large(replace(now, size=LARGEST + 1))


def test_no_hook_runs_its_new_version_before_it_serves(place: Functions) -> None:
    [name, _] = place.names
    change, target = place.change(place.publish("0.1.8-dev")), place.connect()
    with pytest.raises(ServiceFailed, match=r"has no alias, so 0\.1\.8-dev of it can't run before it serves"):
        target.version_of(change, name, lambda _: None)
    place.carry_out(change)
    assert target.version_of(change, name, lambda _: None) == ""
