"""What is put back, to what; and what is said if that, or the record of how it ended, is cut short."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tagship.domain import layout
from tagship.domain.change import Change
from tagship.domain.deployment import Entry
from tagship.domain.lease import LeaseRecord
from tagship.domain.manifest import sha256
from tagship.domain.units import Report, Unit
from tagship.errors import (
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    LeaseLost,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
)
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.resume import resume
from tests.fakes.app import FakeApp
from tests.fakes.death import cut_off, die
from tests.fakes.target import machine
from tests.unit.engine.fleet import NEW, OLD, fleet, last_state, lost_when_recording, told

BACK = f"{OLD} is serving on web-1, web-2, and nothing was changed on web-3."
HALF_BACK = f"{NEW} is serving on web-1, web-2, and {OLD} is serving on web-3, web-4, and nothing was changed on web-5."
END_IT = "End it: inv resume --env dev\n       Or see what each host runs: inv status --env dev"


def down(_: object) -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Try again.")


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


def on(action: str, act: Callable[[Change], None], count: int = 1) -> Callable[[Change], None]:
    """From the n-th order of this kind on, do that."""
    seen = [0]

    def look(change: Change) -> None:
        seen[0] += change.action == action
        if change.action == action and seen[0] >= count:
            act(change)

    return look


def leave(app: FakeApp, name: str) -> None:
    """That host is stopped the moment it is to be put back."""
    start = app.hosts.start

    def gone_by_then(change: Change, units: Sequence[Unit]) -> object:
        if change.action == "rollback":
            app.hosts.machines = [each for each in app.hosts.machines if each.unit.name != name]
        return start(change, units)

    app.hosts.start = gone_by_then  # type: ignore[assignment,method-assign]


def failing_second(*answers: str, **rules: object) -> FakeApp:
    """Of three hosts, changed one by one, web-2 fails. `answers` are web-1's."""
    machines = [machine("web-1", "", *answers), machine("web-2", "", "failed"), machine("web-3")]
    return fleet(*machines, **{"max_concurrency": 1, **rules})


def failed(app: FakeApp, kind: type[TagshipError]) -> TagshipError:
    with pytest.raises(kind) as caught:
        deploy(app, artifact=NEW)
    assert type(caught.value) is kind
    return caught.value


# -- put back ----------------------------------------------------------------------------------------------------------


def test_a_host_is_put_back_by_the_signed_manifest_of_what_it_ran() -> None:
    app = failing_second()
    failed(app, DeployFailed)
    order, names = next((order, names) for order, names in app.hosts.asked if order.action == "rollback")
    manifest = app.store.objects[layout.artifact("hello", "dev", OLD, layout.MANIFEST)].body
    assert (names, order.artifact_id, order.manifest_sha256) == (["web-1"], OLD, sha256(manifest))


@pytest.mark.parametrize(
    ("count", "names"),
    [(2, "web-2, web-1"), (4, "web-4, web-3, web-2, web-1"), (5, "web-5, web-4 and 3 more")],
)
def test_it_is_said_what_is_put_back_where(count: int, names: str) -> None:
    app = fleet(count + 1)
    app.hosts.machines[-1].answers.append("failed")
    failed(app, DeployFailed)
    assert f"putting {OLD} back on {names}" in app.screen.lines


@pytest.mark.parametrize(
    "answer",
    [
        "failed",
        "rolled-back",
        "refused",
        "held",
        "silent",
        Report("i-00000000000000001", "healthy", OLD, serving=NEW),
        Report("i-00000000000000001", "healthy", OLD),
    ],
)
def test_a_host_that_is_put_back_and_does_not_serve_what_it_ran_wakes_somebody(answer: str | Report) -> None:
    """Whatever it says of itself: exit 6 would promise that the version before serves."""
    app = failing_second()
    app.hosts.machines[0].answers.extend(["healthy", answer])
    failure = failed(app, RollbackFailed)
    assert (failure.exit_code, last_state(app)) == (7, "rollback-failed")
    assert [unit["outcome"] for unit in app.ledger.entries[-1].details["units"]] == ["rollback-failed", "failed"]


def test_a_host_whose_earlier_version_is_gone_keeps_the_new_one_and_that_is_what_is_said() -> None:
    app = failing_second()
    app.hosts.during = lambda _: app.remove(OLD)
    failure = failed(app, RollbackFailed)
    why = f"web-1: There is no artifact {OLD} in dev of s3://hello-artifacts/"
    assert failure.what == f"{NEW} failed on dev ({why})."
    assert failure.state == (
        f"{NEW} is serving on web-1, and {OLD} is serving on web-2, and nothing was changed on web-3."
    )
    assert told(app, "rollback") == []
    last = app.ledger.entries[-1]
    assert (last.state, last.details["units"][0]["outcome"]) == ("rollback-failed", "rollback-failed")
    assert (last.details["units"][0]["serving"], last.details["units"][0]["previous"]) == (NEW, OLD)


# -- a host that leaves while it is put back ---------------------------------------------------------------------------


def test_a_host_that_leaves_while_it_is_put_back_has_not_failed() -> None:
    app = failing_second()
    leave(app, "web-1")
    assert failed(app, DeployFailed).state == f"{OLD} is serving on web-2, and nothing was changed on web-3."
    assert last_state(app) == "rolled-back"


def test_if_all_that_were_changed_leave_meanwhile_the_others_are_not_forgotten() -> None:
    app = fleet(3, max_concurrency=1)
    app.hosts.asking = on("deploy", down, count=2)
    leave(app, "web-1")
    assert failed(app, DeployFailed).state == "Nothing was changed on web-2, web-3."


def test_if_nobody_says_which_hosts_are_there_one_that_is_not_put_back_has_failed() -> None:
    app = failing_second("healthy", "rollback-failed")
    units = app.hosts.units
    app.hosts.units = lambda: down(app) if told(app, "rollback") else units()  # type: ignore[assignment,method-assign]
    failure = failed(app, RollbackFailed)
    assert failure.state == (
        f"Nothing is serving on web-1, and {OLD} is serving on web-2, and nothing was changed on web-3."
    )
    assert app.screen.warnings[-1] == "can't tell whether hosts joined or left: AWS cannot be reached."


# -- cut short ---------------------------------------------------------------------------------------------------------


def cut_short_on_the_second() -> FakeApp:
    """Of five, three were changed and the fourth failed; the third is put back, and then AWS is away."""
    bad = machine("web-4", "", "failed")
    app = fleet(machine("web-1"), machine("web-2"), machine("web-3"), bad, machine("web-5"), max_concurrency=1)
    app.hosts.asking = on("rollback", down, count=2)
    return app


def test_putting_back_that_is_cut_short_says_what_is_back_by_then() -> None:
    app = cut_short_on_the_second()
    failure = failed(app, RollbackFailed)
    assert failure.what == f"{NEW} failed on dev, and putting it back was cut short: AWS cannot be reached."
    assert failure.state == HALF_BACK
    assert failure.remedy == END_IT
    last = app.ledger.entries[-1]
    assert (last.state, last.reason) == ("failed", "putting back was cut short: AWS cannot be reached")
    assert [unit["serving"] for unit in last.details["units"]] == [NEW, NEW, OLD, OLD]


def test_putting_back_that_is_cut_short_names_the_hosts_that_nobody_changed() -> None:
    app = failing_second()
    app.hosts.asking = on("rollback", down)
    assert failed(app, RollbackFailed).state == (
        f"{NEW} is serving on web-1, and {OLD} is serving on web-2, and nothing was changed on web-3."
    )


def test_putting_back_that_nobody_hears_of_any_more_goes_on_and_that_is_what_is_said() -> None:
    app = failing_second()
    app.hosts.during = on("rollback", down)
    failure = failed(app, RollbackFailed)
    assert failure.state == "The action on the hosts goes on (SSM command command-3); its outcome is unknown here."
    assert failure.remedy == END_IT


def test_ctrl_c_between_two_batches_of_putting_back_is_recorded_as_such() -> None:
    app = cut_short_on_the_second()
    app.hosts.asking = lambda _: None
    renew, sending = app.leases.renew, [0]

    def stop(record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        sending[0] += phase == "sending rollback"
        if sending[0] == 2:
            raise KeyboardInterrupt
        return renew(record, phase=phase, operations=operations)

    app.leases.renew = stop  # type: ignore[method-assign]
    failure = failed(app, Interrupted)
    assert failure.what == f"{NEW} failed on dev, and putting it back was cut short: interrupted."
    assert failure.state == HALF_BACK
    assert app.ledger.entries[-1].reason == "putting back was cut short: interrupted"


def test_putting_back_that_is_cut_short_and_cannot_be_recorded_says_both() -> None:
    app = failing_second()
    app.hosts.asking = on("rollback", down)
    app.ledger.before = lambda entry: down(entry) if entry.state == "failed" else None
    failure = failed(app, RollbackFailed)
    assert failure.what.endswith(
        "was cut short: AWS cannot be reached. The ledger could not record it: AWS cannot be reached."
    )
    assert failure.remedy == END_IT


# -- resumed while it was put back -------------------------------------------------------------------------------------


def stopped_by_aws() -> FakeApp:
    """Two of four were changed; AWS is away for the next two. Two may fail, so no host is the reason."""
    app = fleet(4, max_concurrency=2, max_errors="50%")
    app.hosts.asking = on("deploy", down, count=2)
    return app


def test_putting_back_that_had_begun_is_ended_and_nothing_is_rolled_out_however_many_may_fail() -> None:
    app = stopped_by_aws()
    app.hosts.during = on("rollback", die)
    with cut_off(app):
        deploy(app, artifact=NEW)
    assert last_state(app) == "started"
    with pytest.raises(DeployFailed) as caught:
        resume(app)
    assert "Stopped: it was being rolled back when its runner died." in app.screen.warnings
    assert caught.value.state == f"{OLD} is serving on web-1, web-2, and nothing was changed on web-3, web-4."
    assert (told(app), last_state(app)) == ([["web-1", "web-2"]], "rolled-back")


def test_putting_back_that_was_cut_short_is_ended_and_nothing_is_rolled_out_however_many_may_fail() -> None:
    app = stopped_by_aws()
    away = app.hosts.asking
    app.hosts.asking = lambda change: down(change) if change.action == "rollback" else away(change)
    failed(app, RollbackFailed)
    app.hosts.asking = lambda _: None
    with pytest.raises(DeployFailed) as caught:
        resume(app)
    assert "Stopped: putting back was cut short: AWS cannot be reached." in app.screen.warnings
    assert caught.value.what == f"{NEW} failed on dev (putting back was cut short: AWS cannot be reached)."
    assert app.hosts.serving == dict.fromkeys(app.hosts.serving, OLD)
    assert (told(app), last_state(app)) == ([["web-1", "web-2"]], "rolled-back")


# -- how it ended, and the record of that ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["failed", "rolled-back"])
def test_a_failure_that_cannot_be_recorded_is_still_that_failure(state: str) -> None:
    app = failing_second()
    app.ledger.before = lambda entry: down(entry) if entry.state == state else None
    failure = failed(app, DeployFailed)
    assert failure.what == (
        f"{NEW} failed on dev (web-2: it answered 500). The ledger could not record it: AWS cannot be reached."
    )
    assert (failure.state, failure.remedy) == (BACK, END_IT)
    assert "Traceback: boom" in failure.evidence
    app.ledger.before = lambda _: None
    with pytest.raises(DeployFailed):
        resume(app, env="dev")
    assert (last_state(app), told(app)) == ("rolled-back", [["web-1"], ["web-2"]])


def test_a_failure_after_which_nothing_serves_keeps_its_way_back_though_it_cannot_be_recorded() -> None:
    app = failing_second("healthy", "rollback-failed")
    app.ledger.before = lambda entry: down(entry) if entry.state == "failed" else None
    failure = failed(app, RollbackFailed)
    assert [line.strip() for line in failure.remedy.splitlines()] == [
        f"Wake somebody, and go back: inv rollback --to {OLD} --env dev",
        "Or see what each host runs: inv status --env dev",
        "End it: inv resume --env dev",
    ]


def test_a_partial_one_that_cannot_be_recorded_is_still_incomplete() -> None:
    app = failing_second(max_errors=1)
    app.ledger.before = lambda entry: down(entry) if entry.state == "partial" else None
    failure = failed(app, Incomplete)
    assert failure.what == (
        f"{NEW} serves on 2 of 3 hosts of dev; not on web-2 (i-00000000000000002): it answered 500. "
        "The ledger could not record it: AWS cannot be reached."
    )
    assert failure.state == f"{NEW} is serving on web-1, web-3, and {OLD} is serving on web-2."
    assert failure.remedy == END_IT
    assert app.hosts.commits[-1].artifact_id == OLD  # what is not recorded is not what a host boots
    app.ledger.before = lambda _: None
    with pytest.raises(Incomplete):
        resume(app, env="dev")
    assert last_state(app) == "partial"


def test_a_heal_after_which_it_serves_nowhere_names_the_way_back_first_though_it_cannot_be_recorded() -> None:
    app = fleet(2)
    app.publish("0.1.28-dev")
    app.ledger.ran("0.1.28-dev")
    for each in app.hosts.machines:
        each.serving = ""
        each.answers.append("rollback-failed")
    app.ledger.before = lambda entry: down(entry) if entry.state == "partial" else None
    with pytest.raises(RollbackFailed) as caught:
        heal(app)
    assert [line.strip() for line in caught.value.remedy.splitlines()] == [
        "Go back: inv rollback --to 0.1.28-dev --env dev",
        "Or fix what is wrong with them, then: inv heal --env dev",
        "End it: inv resume --env dev",
        "Or see what each host runs: inv status --env dev",
    ]


@pytest.mark.parametrize("state", ["failed", "rolled-back"])
def test_ctrl_c_while_a_failure_is_recorded_says_what_serves_since_it_was_put_back(state: str) -> None:
    app = failing_second()
    app.ledger.before = lambda entry: interrupt(entry) if entry.state == state else None
    failure = failed(app, Interrupted)
    assert failure.what == f"Interrupted while recording the end of deployment {app.ledger.entries[-1].deployment_id}."
    assert (failure.state, failure.remedy) == (BACK, END_IT)


def test_a_lease_lost_after_putting_back_says_what_serves_since() -> None:
    app = failing_second()
    lost_when_recording(app)
    failure = failed(app, LeaseLost)
    assert failure.state == (
        f"When the hosts last answered: {BACK} The ledger ignores it, and the lease's new holder may change it."
    )
    assert last_state(app) == "abandoned"


def test_a_lost_lease_is_said_although_the_ledger_does_not_answer() -> None:
    app = failing_second()
    lost_when_recording(app)
    app.ledger.before = lambda entry: down(entry) if entry.state == "abandoned" else None
    assert failed(app, LeaseLost).state.startswith(f"When the hosts last answered: {BACK}")


def test_a_lease_lost_while_hosts_act_is_said_although_the_ledger_does_not_answer() -> None:
    app = fleet(3)

    def lose(entry: Entry) -> None:
        if entry.state == "started":
            app.leases.break_("dev", entry.deployment_id)
            app.ledger.before = down

    app.ledger.before = lose
    app.hosts.during = lambda _: (_ for _ in ()).throw(LeaseLost("The lease is lost.", remedy="Look."))
    assert failed(app, LeaseLost).state == (
        "The action on the hosts goes on (SSM command command-1); its outcome is unknown here."
    )


def test_hosts_that_are_all_taken_by_another_action_leave_nothing_to_put_back() -> None:
    app = fleet(machine("web-1", "", "held"), machine("web-2", "", "held"))
    assert failed(app, Held).state == f"{OLD} is serving."
    assert (told(app, "rollback"), last_state(app)) == ([], "abandoned")
