"""What Lambda is known to lie about, and several functions as one change: over the sandbox's strict Lambda."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.hook_runner import LocalHookRunner
from tagship.domain.lambda_.record import ENDED, Record
from tagship.errors import LeaseLost, Refused
from tagship.settings.lambda_ import Lambda
from tests.contract.functions import PATIENT, Functions, switch


@pytest.fixture
def place() -> Iterator[Functions]:
    """Two functions that nothing was deployed to yet."""
    made = Functions.made(["one", "two"])
    yield made
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    made.remove()


@pytest.fixture
def single() -> Iterator[Functions]:
    """One function that runs 0.1.0-dev."""
    made = Functions.made(["one"], health=PATIENT)
    assert outcomes(made.deploy("0.1.0-dev")) == {"one": "healthy"}
    yield made
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    made.remove()


def outcomes(reports: Any) -> dict[str, str]:
    return {name: report.outcome for name, report in reports.items()}


def counted(place: Functions) -> list[str]:
    """The operations that the target asks of Lambda from now on."""
    asked: list[str] = []
    for client in (place.app.aws.client("lambda"), place.app.aws.once("lambda")):
        client.meta.events.register(
            "before-send.lambda.*", lambda event_name, **_: asked.append(event_name.split(".")[-1])
        )
    return asked


# -- several functions as one change -----------------------------------------------------------------------------------


def test_a_first_deployment_makes_the_aliases_and_an_observation_says_what_serves(place: Functions) -> None:
    target = place.connect()
    assert [report.outcome for report in target.observe(target.units(), lambda _: None)] == ["empty", "empty"]
    assert outcomes(place.deploy("0.1.0-dev")) == {"one": "healthy", "two": "healthy"}
    reports = target.observe(target.units(), lambda _: None)
    assert [(report.outcome, report.serving) for report in reports] == [("healthy", "0.1.0-dev")] * 2


def test_functions_are_looked_for_at_once(place: Functions) -> None:
    """The first question waits for the second: one after another they would wait for ever."""
    both, event = threading.Barrier(2, timeout=20), "before-send.lambda.GetFunctionConfiguration"

    def wait(**_: Any) -> None:
        both.wait()

    events = place.app.aws.client("lambda").meta.events
    events.register_first(event, wait)
    try:
        units = place.connect().units()
    finally:
        events.unregister(event, wait)
    assert [(unit.id, unit.online) for unit in units] == [(name, True) for name in place.names]


def test_if_one_version_does_not_answer_no_alias_is_moved(place: Functions) -> None:
    place.deploy("0.1.0-dev")
    before = [place.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in place.names]
    reports = place.deploy("0.1.1-dev", {"two": "error"})
    assert outcomes(reports) == {"one": "failed", "two": "failed"}
    assert reports["two"].reason == "it failed with RuntimeError: it is broken"
    assert reports["one"].reason == f"{place.names[1]} could not be changed, and they change together"
    assert "asked {} with error" in reports["two"].evidence
    assert [place.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in place.names] == before
    assert place.serving() == ["0.1.0-dev"] * 2


def test_if_one_alias_cannot_be_moved_those_that_were_are_put_back(place: Functions) -> None:
    """The second function's alias is another revision by then than the target has read."""
    place.deploy("0.1.0-dev")
    other = place.names[1]
    change, target = place.change(place.publish("0.1.1-dev")), place.connect()
    operations = target.start(change, target.units())

    target._aliases[other] = replace(target._aliases[other], revision="of somebody else's change")
    reports = {report.unit: report for report in target.finish(operations, change, target.units(), lambda _: None)}
    assert reports[other].outcome == "superseded"
    # It went back, and that somebody else changed the other is nothing against the version.
    assert (reports[place.names[0]].outcome, reports[place.names[0]].serving) == ("superseded", "0.1.0-dev")


def test_a_first_deployment_that_fails_leaves_callers_with_what_infrastructure_made(place: Functions) -> None:
    assert outcomes(place.deploy("0.1.0-dev", "error")) == {"one": "failed", "two": "failed"}
    assert place.serving() == ["", ""]


def test_a_rollback_does_not_wait_for_a_function_that_cannot_go_back(place: Functions) -> None:
    place.deploy("0.1.0-dev")
    one, two = place.names
    number = place.client.get_alias(FunctionName=two, Name="live")["FunctionVersion"]
    place.deploy("0.1.1-dev")
    switch(states={f"{two}:{number}": "Failed"})
    reports = place.carry_out(place.change(place.artifact("0.1.0-dev"), "rollback"))
    assert {name: (report.outcome, report.serving) for name, report in reports.items()} == {
        "one": ("healthy", "0.1.0-dev"),
        "two": ("rolled-back", "0.1.1-dev"),
    }
    assert (place.answer(one)["version"], place.answer(two)["version"]) == ("0.1.0-dev", "0.1.1-dev")


def test_a_heal_brings_those_that_it_can_whatever_becomes_of_the_others(place: Functions) -> None:
    place.deploy("0.1.0-dev")
    change = replace(place.change(place.publish("0.1.1-dev", {"two": "error"})), keeps=True)
    assert outcomes(place.carry_out(change)) == {"one": "healthy", "two": "failed"}
    assert place.serving() == ["0.1.1-dev", "0.1.0-dev"]


def test_who_loses_the_lease_makes_no_version_and_moves_no_alias(place: Functions) -> None:
    place.deploy("0.1.0-dev")
    name = place.names[0]
    before = place.client.list_versions_by_function(FunctionName=name)["Versions"]
    change, target = place.change(place.publish("0.1.1-dev")), place.connect()
    operations = target.start(change, target.units())
    switch(update=0.6)

    def lost(phase: str) -> None:
        if phase.startswith("making"):
            raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")

    with pytest.raises(LeaseLost):
        target.finish(operations, change, target.units(), lost)
    switch(update=0)
    assert len(place.client.list_versions_by_function(FunctionName=name)["Versions"]) == len(before)
    assert place.serving() == ["0.1.0-dev"] * 2


# -- variables ---------------------------------------------------------------------------------------------------------


def test_variables_are_merged_into_those_of_infrastructure_and_belong_to_the_artifact() -> None:
    place = Functions.made(["one"], variables={"GREETING": "hello"})
    place.deploy("0.1.0-dev")
    assert place.answer(place.names[0]) == {"version": "0.1.0-dev", "greeting": "hello"}
    variables = place.client.get_function_configuration(FunctionName=place.names[0])["Environment"]["Variables"]
    assert variables["TABLE"] == "of-infrastructure"
    assert variables["COMMIT_SHA"] == "0" * 40
    place.remove()


# -- known lies --------------------------------------------------------------------------------------------------------


def test_an_alias_that_somebody_moved_before_the_switch_is_left_to_them(single: Functions) -> None:
    [name] = single.names
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    operations = target.start(change, target.units())
    single.client.update_alias(FunctionName=name, Name="live", Description="by hand")
    [report] = target.finish(operations, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("superseded", "0.1.0-dev")
    assert report.reason.startswith("somebody else moved its alias to version ")
    assert single.client.get_alias(FunctionName=name, Name="live")["Description"] == "by hand"


def test_an_alias_that_somebody_moved_after_the_switch_is_left_to_them(single: Functions) -> None:
    [name] = single.names
    first = single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    operations = target.start(change, target.units())
    [report] = target.finish(operations, change, target.units(), lambda _: None)
    assert report.outcome == "healthy"
    single.client.update_alias(FunctionName=name, Name="live", FunctionVersion=first)
    [report] = target.finish(operations, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("superseded", "0.1.0-dev")
    assert single.serving() == ["0.1.0-dev"]


def test_a_publishing_that_made_no_version_is_no_success(single: Functions) -> None:
    switch(lost=1)
    reports = single.deploy("0.1.1-dev")
    assert outcomes(reports) == {"one": "failed"}
    assert "Lambda published nothing new: it answered with version" in reports["one"].reason
    assert reports["one"].reason.endswith("of 0.1.0-dev")
    assert single.serving() == ["0.1.0-dev"]


def test_weights_that_somebody_left_behind_are_drift_and_the_next_change_clears_them(single: Functions) -> None:
    [name] = single.names
    target = single.connect()
    weights = {"AdditionalVersionWeights": {"1": 0.25}}
    single.client.update_alias(FunctionName=name, Name="live", RoutingConfig=weights)
    [report] = target.observe(target.units(), lambda _: None)
    assert (report.outcome, report.reason) == ("failed", "its alias sends 25% to version 1")
    assert outcomes(single.deploy("0.1.1-dev")) == {"one": "healthy"}
    assert "RoutingConfig" not in single.client.get_alias(FunctionName=name, Name="live")


def test_a_deployment_of_what_serves_already_clears_weights_too(single: Functions) -> None:
    [name] = single.names
    artifact = single.publish("0.1.1-dev")
    single.carry_out(single.change(artifact))
    weights = {"AdditionalVersionWeights": {"1": 0.25}}
    single.client.update_alias(FunctionName=name, Name="live", RoutingConfig=weights)
    assert outcomes(single.carry_out(single.change(artifact))) == {"one": "unchanged"}
    assert "RoutingConfig" not in single.client.get_alias(FunctionName=name, Name="live")


def test_the_old_code_that_answers_during_an_update_is_not_taken_for_the_new(single: Functions) -> None:
    switch(update=0.5)
    reports = single.deploy("0.1.1-dev", "error")
    assert outcomes(reports) == {"one": "failed"}
    assert single.serving() == ["0.1.0-dev"]


def test_an_update_that_lambda_gives_up_says_why(single: Functions) -> None:
    switch(failed_updates=1)
    reports = single.deploy("0.1.1-dev")
    assert outcomes(reports) == {"one": "failed"}
    assert reports["one"].reason == (
        "Lambda could not update it (InvalidZipFileException: The zip file could not be read)"
    )


def test_an_inactive_version_is_woken_and_a_failed_one_is_never_healthy(single: Functions) -> None:
    [name] = single.names
    number = single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    single.deploy("0.1.1-dev")
    switch(states={f"{name}:{number}": "Inactive"})
    back = single.change(single.artifact("0.1.0-dev"), "rollback")
    assert outcomes(single.carry_out(back)) == {"one": "healthy"}
    switch(states={f"{name}:{number}": "Failed"})
    target = single.connect()
    [report] = target.observe(target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("failed", "0.1.0-dev")


def test_a_throttled_invocation_is_asked_again(single: Functions) -> None:
    switch(throttled=1)
    assert outcomes(single.deploy("0.1.1-dev")) == {"one": "healthy"}


def test_a_change_of_somebody_else_to_the_code_meanwhile_is_undone_and_published_guarded(single: Functions) -> None:
    [name] = single.names
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    operations = target.start(change, target.units())
    single.client.update_function_configuration(FunctionName=name, Timeout=9)  # an update is in progress
    [report] = target.finish(operations, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.1.1-dev")


# -- a rollback --------------------------------------------------------------------------------------------------------


def test_a_rollback_takes_three_round_trips_and_the_health_check(single: Functions) -> None:
    single.deploy("0.1.1-dev")
    target, change = single.connect(), single.change(single.artifact("0.1.0-dev"), "rollback")
    units = target.units()
    asked = counted(single)
    [report] = target.finish(target.start(change, units), change, units, lambda _: None)
    assert (report.outcome, report.serving, report.previous) == ("healthy", "0.1.0-dev", "0.1.1-dev")
    assert asked == ["GetAlias", "UpdateAlias", "GetFunctionConfiguration", "Invoke"]


def test_a_rollback_to_a_version_that_was_deleted_makes_it_again(single: Functions) -> None:
    [name] = single.names
    number = single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    single.deploy("0.1.1-dev")
    single.client.delete_function(FunctionName=name, Qualifier=number)
    back = single.change(single.artifact("0.1.0-dev"), "rollback")
    assert outcomes(single.carry_out(back)) == {"one": "healthy"}
    assert single.serving() == ["0.1.0-dev"]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_function_that_is_not_there_is_named(single: Functions) -> None:
    single.remove()
    [unit] = single.connect().units()
    assert (unit.online, unit.problem) == (False, f"there is no function {unit.name} in us-east-1")
    single.client.create_function(
        FunctionName=single.names[0], Runtime="python3.12", Handler="a.b", Role="arn:aws:iam::1:role/x",
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
    )  # fmt: skip


def test_an_artifact_without_the_package_is_refused(single: Functions) -> None:
    version, digest = single.publish("0.1.1-dev")
    store = single.app.store
    key = f"hello/dev/{version}/manifest.json"
    stored = store.get(key)
    assert stored
    store.replace(key, stored.body.replace(b'"one"', b'"eno"'), stored.etag)
    reports = single.carry_out(single.change(single.artifact(version)))
    assert (reports["one"].outcome, reports["one"].reason) == ("refused", "0.1.1-dev has no package one")
    reports = single.carry_out(single.change((version, digest)))
    assert (reports["one"].outcome, reports["one"].serving) == ("refused", "0.1.0-dev")
    assert "is not what was verified" in reports["one"].reason


def test_a_change_that_was_cancelled_does_nothing_more(single: Functions) -> None:
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    operations = target.start(change, target.units())
    single.connect().cancel(operations)
    [report] = single.connect().finish(operations, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("failed", "0.1.0-dev")
    record = Record.read(single.client.get_alias(FunctionName=single.names[0], Name="live")["Description"])
    assert record
    assert record.state == ENDED


# -- before it serves --------------------------------------------------------------------------------------------------


def test_a_version_is_made_for_a_hook_once_and_what_serves_stays(single: Functions) -> None:
    [name] = single.names
    before = single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    made = target.version_of(change, name, lambda _: None)
    assert target.version_of(change, name, lambda _: None) == made != before
    assert single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == before
    assert target.version_of(change, "another", lambda _: None) == ""
    assert outcomes(single.carry_out(change)) == {"one": "healthy"}
    assert single.client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == made


def test_a_hook_invokes_that_version_and_its_answer_is_kept(single: Functions, tmp_path: Path) -> None:
    [name] = single.names
    change, target = single.change(single.publish("0.1.1-dev")), single.connect()
    made = target.version_of(change, name, lambda _: None)
    runner = LocalHookRunner(single.app.aws, tmp_path, tmp_path / "home", print, {})
    outcome = runner.invoke(f"{name}:{made}", '{"do": "migrate"}', 20, lambda _: None)
    assert outcome.problem == ""
    assert "0.1.1-dev" in outcome.output
    broken = single.change(single.publish("0.1.2-dev", fault="error"))
    made = target.version_of(broken, name, lambda _: None)
    outcome = runner.invoke(f"{name}:{made}", "{}", 20, lambda _: None)
    assert outcome.problem == "it failed with RuntimeError: it is broken"


# -- how they are asked ------------------------------------------------------------------------------------------------


def asked(single: Functions, health: dict[str, Any]) -> tuple[str, str]:
    """What the function reports if it is asked so."""
    target = single.connect()
    [name] = single.names
    table = {"functions": {name: {"package": "one", "health": health}}}
    target.table = Lambda.model_validate(table)
    [report] = target.observe(target.units(), lambda _: None)
    return report.outcome, report.reason


def test_an_expression_has_to_be_true_of_the_answer(single: Functions) -> None:
    assert asked(single, {"expression": "statusCode == `200` && body.version == '{version}'"}) == ("healthy", "")
    outcome, reason = asked(single, {"expression": "body.version"})
    assert (outcome, reason) == ("failed", 'of its answer, body.version is "0.1.0-dev", not true')


def test_an_expression_that_is_none_is_refused_before_anything_is_asked(single: Functions) -> None:
    with pytest.raises(Refused, match="isn't JMESPath"):
        asked(single, {"expression": "a =="})


def test_the_event_may_be_a_file_of_the_repository(single: Functions, tmp_path: Path) -> None:
    single.app.root = tmp_path
    with pytest.raises(Refused, match=r"event\.json.* can't be read"):
        asked(single, {"event": "event.json"})
    (tmp_path / "event.json").write_text('{"path": "/healthz"}', "utf-8")
    assert asked(single, {"event": "event.json"})[0] == "healthy"
