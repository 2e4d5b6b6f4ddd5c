"""How a deployment ends: what the ledger has of it, and every word of the error."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain.deployment import Entry
from tagship.domain.units import Report
from tagship.errors import (
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
)
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine
from tests.unit.engine.fleet import NEW, OLD, SIGN_IN, expired, fleet, told

HEAL = "inv heal --env dev"


def failed(app: FakeApp, kind: type[TagshipError]) -> TagshipError:
    with pytest.raises(kind) as caught:
        deploy(app, artifact=NEW)
    assert type(caught.value) is kind
    return caught.value


def last(app: FakeApp, count: int = 1) -> list[tuple[str, str, list[str], float]]:
    """State, reason, what each host serves and seconds of the last entries."""
    return [
        (one.state, one.reason, [unit["serving"] for unit in one.details["units"]], one.details["seconds"])
        for one in app.ledger.entries[-count:]
    ]


def taking_its_time(app: FakeApp) -> FakeApp:
    """Each order takes five seconds."""
    app.hosts.during = lambda change: app.clock.advance(0 if change.action == "status" else 5)
    return app


def interrupted_after(app: FakeApp, batches: int) -> None:
    """Ctrl-C between two batches."""
    units = app.hosts.units

    def stop() -> Any:
        if len(told(app)) == batches:
            app.hosts.units = units  # type: ignore[method-assign]
            raise KeyboardInterrupt
        return units()

    app.hosts.units = stop  # type: ignore[method-assign]


# -- what the ledger has -----------------------------------------------------------------------------------------------


def test_a_healthy_end_is_recorded_with_how_long_it_took() -> None:
    app = taking_its_time(fleet(2))
    assert deploy(app, artifact=NEW).seconds == 5
    assert last(app) == [("healthy", "", [NEW, NEW], 5)]


def test_a_failure_is_recorded_with_what_failed_and_then_with_what_is_back() -> None:
    app = taking_its_time(fleet(machine("web-1"), machine("web-2", "", "failed"), max_concurrency=1))
    failed(app, DeployFailed)
    why = "web-2: it answered 500"
    assert last(app, 2) == [("failed", why, [NEW, OLD], 10), ("rolled-back", why, [OLD, OLD], 10)]


def test_hosts_that_another_action_has_are_recorded_with_what_they_said() -> None:
    app = taking_its_time(fleet(machine("web-1", "", "held")))
    failed(app, Held)
    assert last(app) == [("abandoned", "it answered 500", [OLD], 5)]


def test_putting_back_that_is_cut_short_is_recorded_with_how_long_the_rollout_took() -> None:
    app = taking_its_time(fleet(machine("web-1"), machine("web-2", "", "failed"), max_concurrency=1))
    app.hosts.asking = lambda change: down() if change.action == "rollback" else None
    failed(app, RollbackFailed)
    assert last(app) == [("failed", "putting back was cut short: AWS cannot be reached", [NEW, OLD], 10)]


def down() -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Try again.")


def test_a_partial_end_is_recorded_with_what_it_replaced_who_lacks_it_and_who_left() -> None:
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), machine("web-3"), max_concurrency=1, max_errors=1)
    app.hosts.machines[0].serving = "0.1.7-dev"
    taking_its_time(app)
    app.hosts.asking = lambda change: leave(app, "web-3") if told(app) else None
    failed(app, Incomplete)
    [one] = app.ledger.entries[-1:]
    assert (one.state, one.replaced, one.details["seconds"]) == ("partial", "0.1.7-dev", 10)
    assert (one.details["stragglers"], one.details["gone"]) == (["i-00000000000000002"], ["i-00000000000000003"])


def leave(app: FakeApp, name: str) -> None:
    app.hosts.machines = [each for each in app.hosts.machines if each.unit.name != name]


def test_what_was_replaced_is_what_the_first_host_ran_that_ran_anything() -> None:
    app = fleet(3)
    for each, serving in zip(app.hosts.machines, ["", "0.1.7-dev", "0.1.8-dev"], strict=True):
        each.serving = serving
    deploy(app, artifact=NEW)
    assert app.ledger.entries[-1].replaced == "0.1.7-dev"


# -- what the error says -----------------------------------------------------------------------------------------------


def test_a_host_that_joined_and_failed_is_called_by_its_name() -> None:
    app = fleet(1)
    new = machine("web-9", "", "failed")
    app.hosts.during = lambda _: None if new in app.hosts.machines else app.hosts.machines.append(new)
    failure = failed(app, DeployFailed)
    assert failure.what == f"{NEW} failed on dev (web-9: it answered 500)."
    assert failure.evidence == "--- web-9 (i-00000000000000009)\nTraceback: boom"


def test_a_partial_end_names_who_lacks_it_and_the_one_way_on() -> None:
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), max_errors=1)
    failure = failed(app, Incomplete)
    assert failure.remedy == f"Fix what is wrong with them, then: {HEAL}"
    assert failure.evidence == "--- web-2 (i-00000000000000002)\nTraceback: boom"


def test_of_many_that_lack_it_ten_are_named_to_people_and_two_in_the_ledger() -> None:
    app = fleet(
        machine("web-1"), *(machine(f"web-{number}", "", "failed") for number in range(2, 23)), max_errors="99%"
    )
    named = [f"web-{number} (i-{number:017x}): it answered 500" for number in range(2, 12)]
    assert failed(app, Incomplete).what == (
        f"{NEW} serves on 1 of 22 hosts of dev; not on {', '.join(named)} and 11 more."
    )
    assert app.ledger.entries[-1].reason == "it is missing on 21 of 22 hosts: web-10, web-11 and 19 more"


@pytest.mark.parametrize(("count", "names"), [(4, "web-2, web-3, web-4, web-5"), (5, "web-2, web-3 and 3 more")])
def test_up_to_four_that_lack_it_are_all_named_in_the_ledger(count: int, names: str) -> None:
    bad = [machine(f"web-{number}", "", "failed") for number in range(2, 2 + count)]
    app = fleet(machine("web-1"), *bad, max_errors="99%")
    failed(app, Incomplete)
    assert app.ledger.entries[-1].reason == f"it is missing on {count} of {count + 1} hosts: {names}"


def test_twenty_that_lack_it_are_all_named_to_people() -> None:
    bad = [machine(f"web-{number}", "", "failed") for number in range(2, 22)]
    assert " more" not in failed(fleet(machine("web-1"), *bad, max_errors="99%"), Incomplete).what


def test_a_heal_that_is_interrupted_says_what_is_missing_what_serves_and_how_to_go_on() -> None:
    app = fleet(1, max_concurrency=1)
    app.hosts.machines += [machine("web-8"), machine("web-9")]
    interrupted_after(app, 1)
    with pytest.raises(Interrupted) as caught:
        heal(app)
    assert "Stopped: interrupted." in app.screen.warnings
    assert caught.value.what == "Interrupted: it is missing on 1 of 3 hosts: web-9."
    assert caught.value.state == f"{OLD} is serving on web-8, web-1, and what is serving is unknown on web-9."
    assert caught.value.remedy == f"Go on: {HEAL}"


def test_ctrl_c_between_two_batches_says_what_serves_and_how_to_begin_again() -> None:
    app = fleet(3, max_concurrency=1)
    interrupted_after(app, 1)
    failure = failed(app, Interrupted)
    assert failure.what == f"Interrupted: {NEW} was taken back from 1 of 3 hosts."
    assert failure.state == f"{OLD} is serving on web-1, and nothing was changed on web-2, web-3."
    assert failure.remedy == f"Run it again: inv deploy --version {NEW} --env dev"


def test_ctrl_c_after_which_a_host_is_not_put_back_wakes_somebody() -> None:
    app = fleet(machine("web-1", "", "healthy", "rollback-failed"), machine("web-2"), max_concurrency=1)
    interrupted_after(app, 1)
    failure = failed(app, RollbackFailed)
    assert failure.state == "Nothing is serving on web-1, and nothing was changed on web-2."


def test_a_healthy_end_that_cannot_be_recorded_is_recorded_by_the_command_that_it_names() -> None:
    app = fleet(2)

    def away(entry: Entry) -> None:
        if entry.state == "healthy":
            down()

    app.ledger.before = away
    failure = failed(app, ServiceFailed)
    assert failure.remedy == (
        f"Record it by running it again, which changes nothing on the units: inv deploy --version {NEW} --env dev"
    )
    app.ledger.before = lambda _: None
    assert deploy(app, artifact=NEW, env="dev").state == "healthy"
    assert [(one.state, one.artifact_id) for one in app.ledger.entries[-1:]] == [("healthy", NEW)]


# -- what ran before tagship -------------------------------------------------------------------------------------------

WAYS = {
    "kept": "Or go back to what ran before tagship: inv adopt --env dev --undo",
    "there": "Or, if that ran the app before tagship, stop and keep it: inv adopt --env dev",
}


def first(*facts: str) -> FakeApp:
    """Hosts on which tagship has deployed nothing; the first deployment fails on each, which says that of itself."""
    app = FakeApp(hosts=FakeTarget([machine(f"web-{number}") for number, _ in enumerate(facts)]))
    app.publish(NEW)
    for host, fact in zip(app.hosts.machines, facts, strict=True):
        report = Report(host.unit.id, "failed", NEW, reason="it answered 500", facts={"before": fact} if fact else {})
        host.answers.append(report)
    return app


@pytest.mark.parametrize("fact", WAYS)
def test_a_first_deployment_that_fails_names_the_way_back_to_what_ran_before(fact: str) -> None:
    error = failed(first(fact), DeployFailed)
    assert error.remedy.split("\n       ")[-1] == WAYS[fact]
    assert error.state == "Nothing was serving before, and nothing is now."


def test_each_way_is_named_once_whatever_the_number_of_hosts() -> None:
    lines = failed(first("kept", "kept", "there", ""), DeployFailed).remedy.split("\n       ")
    assert lines[-2:] == list(WAYS.values())
    assert len(lines) == len(set(lines)) == 4


@pytest.mark.parametrize("fact", ["", "else"])
def test_no_way_is_named_that_no_host_speaks_of(fact: str) -> None:
    assert "inv adopt" not in failed(first(fact), DeployFailed).remedy


def test_once_a_version_has_served_that_is_the_way_back() -> None:
    app = fleet(machine("web-1"))
    app.hosts.machines[0].answers.append(
        Report(app.hosts.machines[0].unit.id, "failed", NEW, OLD, OLD, "it answered 500", facts={"before": "kept"})
    )
    assert "inv adopt" not in failed(app, DeployFailed).remedy


# -- what a failure after the switch says ------------------------------------------------------------------------------


def with_static_set() -> FakeApp:
    """OLD and NEW ran on one host, and a static set is served beside it."""
    site = {"directory": "site", "environments": {"dev": {"bucket": "hello-site"}}}
    app = FakeApp(
        settings=settings(environments=environments(ec2={"rollout": {}}), static={"site": site}),
        hosts=FakeTarget([machine("web-1")]),
    )
    app.publish(OLD, NEW)
    for version in (OLD, NEW):
        deploy(app, artifact=version)
    return app


def test_what_serves_is_said_though_neither_static_sets_nor_ledger_can_be_written_any_more() -> None:
    """The credentials expire after the switch: "Nothing was changed" would be a lie."""
    app = with_static_set()
    app.hosts.during = lambda _: app.store.objects.pop(f"hello/dev/{OLD}/manifest.json", None)
    app.ledger.before = lambda entry: expired() if entry.state == "partial" else None
    with pytest.raises(ServiceFailed) as caught:
        rollback(app, to=OLD)
    assert caught.value.state == f"{OLD} is serving."
    assert caught.value.remedy.splitlines() == [
        SIGN_IN,
        "       End it: inv resume --env dev",
        "       Or see what each host runs: inv status --env dev",
    ]


def test_old_static_files_that_cannot_be_looked_for_are_no_failure_of_what_is_healthy() -> None:
    app = with_static_set()
    app.ledger.before = lambda entry: (
        app.store.objects.pop(f"hello/dev/{OLD}/manifest.json", None) if entry.state == "healthy" else None
    )
    assert rollback(app, to=OLD).state == "healthy"
    assert any("old files of the static sets are still there" in line for line in app.screen.warnings)


def test_whoever_signs_in_first_reads_so_before_the_command_that_goes_on() -> None:
    app = fleet(1)
    app.ledger.before = lambda entry: expired() if entry.state == "healthy" else None
    caught = failed(app, ServiceFailed)
    assert caught.state == f"{NEW} is serving."
    assert caught.remedy.splitlines()[0] == SIGN_IN
    assert f"inv deploy --version {NEW} --env dev" in caught.remedy.splitlines()[1]


def test_credentials_that_expire_while_hosts_act_are_renewed_first_and_then_it_is_resumed() -> None:
    app = fleet(1)
    app.hosts.asking = lambda change: expired() if told(app) and change.action == "status" else None
    app.hosts.machines[0].answers.append("silent")
    caught = failed(app, ServiceFailed)
    assert "its outcome is unknown here" in caught.state
    assert [line.strip() for line in caught.remedy.splitlines()][:2] == [SIGN_IN, "End it: inv resume --env dev"]
