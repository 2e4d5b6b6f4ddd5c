"""Previews: recorded before they are made, refused once their pull request is closed, and taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.preview import PreviewRecord
from tagship.domain.trigger import Trigger
from tagship.errors import Held, Refused, ServiceFailed, UsageError
from tagship.ports.account import ToolFailed
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.infra_apply import infra_apply
from tagship.verbs.preview_close import preview_close
from tagship.verbs.preview_sweep import preview_sweep
from tagship.verbs.rollback import rollback
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.forge import FakeForge
from tests.fakes.foundation import FakeFoundation
from tests.fakes.target import FakeTarget, machine

ARTIFACT = "622d2103-20250820-124500"
ENVIRONMENT = "pr-51"
TEMPLATE = {"ec2": {"tags": {"tagship:environment": "pr-{n}"}, "command": ["python3", "app.py"]}}


class Tool:
    """The team's own tool: what it was asked to run."""

    def __init__(self) -> None:
        self.ran: list[tuple[list[str], dict[str, Any]]] = []
        self.fails, self.fails_for = False, ""
        self.during: Callable[[], None] = lambda: None

    def run(self, command: Any, variables: Any) -> None:
        self.ran.append((list(command), dict(variables)))
        self.during()
        if self.fails or self.fails_for == command[-1]:
            raise ToolFailed("running it", 3, "stack is in use")


def make(**previews: Any) -> FakeApp:
    table = {"environment": TEMPLATE, "remove": ["cdk", "destroy", "hello-pr-{n}"], **previews}
    chosen = settings(environments=VALUES["environments"], previews=table)
    for number in (51, 52, 53):
        chosen.environment(f"pr-{number}")
    forge, tool = FakeForge(), Tool()
    forge.pulls = {51: "open", 52: "open", 53: "open"}
    given = {"forge": forge, "infrastructure": tool, "foundation": FakeFoundation()}
    app = FakeApp(chosen, given=given, hosts=FakeTarget([machine("web-1")]))
    for number in (51, 52, 53):
        app.publish(ARTIFACT, environment=f"pr-{number}")
    return app


def forge(app: FakeApp) -> FakeForge:
    return app.given["forge"]  # type: ignore[no-any-return]


def tool(app: FakeApp) -> Tool:
    return app.given["infrastructure"]  # type: ignore[no-any-return]


def record(app: FakeApp, environment: str = ENVIRONMENT) -> PreviewRecord | None:
    stored = app.store.get(layout.preview("hello", environment))
    return PreviewRecord.read(stored.body) if stored else None


def state(app: FakeApp, environment: str = ENVIRONMENT) -> str:
    found = record(app, environment)
    return found.state if found else ""


def test_a_deployment_records_its_preview_before_a_unit_is_changed() -> None:
    app = make()
    seen: list[str] = []
    app.hosts.during = lambda _: seen.append(state(app))
    assert deploy(app, artifact=ARTIFACT, env=ENVIRONMENT).state == "healthy"
    assert seen
    assert set(seen) == {"open"}
    assert state(app, "pr-52") == ""


def test_a_deployment_of_a_closed_pull_request_is_refused_under_the_lease() -> None:
    """It was open when the deployment was planned: what closed it waits for the lease, and then takes all away."""
    app = make()
    forge(app).pulls[51] = "closed"
    with pytest.raises(Refused, match="Pull request 51 is closed") as caught:
        deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert "inv preview.close --pr 51" in caught.value.remedy
    assert app.hosts.serving == {"web-1": ""}
    assert app.leases.look(ENVIRONMENT).record.holder == ""  # type: ignore[union-attr]


def test_other_environments_ask_for_no_pull_request() -> None:
    app = make()
    forge(app).fails = 9
    app.publish("0.1.0-dev")
    assert deploy(app, artifact="0.1.0-dev").state == "healthy"


def test_no_more_previews_are_opened_than_the_limit() -> None:
    app = make(limit=1)
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    with pytest.raises(Refused, match=r"No more than previews\.limit = 1 previews may be open; open now: 1\."):
        deploy(app, artifact=ARTIFACT, env="pr-52")


def test_closing_runs_the_teams_tool_with_the_names_and_may_be_repeated() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert preview_close(app, pr="51").state == "closed"
    [(command, variables)] = tool(app).ran
    assert command == ["cdk", "destroy", "hello-pr-51"]
    assert variables == {"ENVIRONMENT": "pr-51", "PR_NUMBER": "51", "DEPLOYMENT_BUCKET": app.store.bucket}
    assert state(app) == "closed"
    assert preview_close(app, pr="51").state == "was-closed"
    assert len(tool(app).ran) == 1


def test_closing_waits_behind_a_deployment() -> None:
    app = make()
    app.leases.take(ENVIRONMENT, holder="eve@desk", run_url="", deployment_id="d-1", ttl=120)
    with pytest.raises(Held):
        preview_close(app, pr="51")
    assert tool(app).ran == []


def test_a_closing_that_failed_is_recorded_and_goes_on() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    tool(app).fails = True
    with pytest.raises(ServiceFailed, match="cdk failed with exit code 3") as caught:
        preview_close(app, pr="51")
    assert caught.value.evidence == "stack is in use"
    assert state(app) == "closing"
    tool(app).fails = False
    assert preview_close(app, pr="51").state == "closed"


def test_a_preview_that_is_gone_is_never_said_to_be_unchanged() -> None:
    """The tool took it away, and the bucket does not answer when that is recorded."""
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)

    def silent(_verb: str, key: str) -> None:
        if key == layout.preview("hello", ENVIRONMENT) and tool(app).ran:
            raise ServiceFailed("S3 is down.", remedy="Wait.")

    app.store.before = silent
    with pytest.raises(ServiceFailed) as caught:
        preview_close(app, pr="51")
    assert caught.value.state == "pr-51 is recorded as closing: part of it may be gone, or all of it."


def test_a_dry_run_closes_nothing() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert preview_close(app, pr="51", dry_run=True).state == "planned"
    assert (state(app), tool(app).ran) == ("open", [])


@pytest.mark.parametrize("pr", ["", "x", "0", "-1"])
def test_what_is_no_number_is_refused(pr: str) -> None:
    with pytest.raises(UsageError, match="Invalid --pr"):
        preview_close(make(), pr=pr)


def test_a_sweep_closes_what_is_over_and_keeps_the_rest() -> None:
    app = make(ttl=48)
    for number in (51, 52):
        deploy(app, artifact=ARTIFACT, env=f"pr-{number}")
    app.clock.advance(47 * 3600)
    deploy(app, artifact=ARTIFACT, env="pr-53")
    app.clock.advance(2 * 3600)
    forge(app).pulls[51] = "closed"
    swept = {preview.environment: (preview.state, preview.reason) for preview in preview_sweep(app).previews}
    assert swept == {
        "pr-51": ("closed", "pull request 51 is closed"),
        "pr-52": ("closed", "nobody deployed to it for 48 h"),
        "pr-53": ("kept", ""),
    }
    assert [preview.environment for preview in preview_sweep(app).previews] == ["pr-53"]


def test_a_sweep_finds_artifacts_that_no_record_tells_of() -> None:
    app = make()
    forge(app).pulls = {52: "open", 53: "open"}
    assert {preview.environment: preview.state for preview in preview_sweep(app, dry_run=True).previews} == {
        "pr-51": "planned", "pr-52": "kept", "pr-53": "kept",
    }  # fmt: skip
    assert tool(app).ran == []


def test_a_sweep_goes_on_past_one_that_fails_and_then_fails() -> None:
    app = make()
    forge(app).pulls = {}
    tool(app).fails_for = "hello-pr-52"
    with pytest.raises(ServiceFailed, match=r"pr-52 could not be closed"):
        preview_sweep(app)
    assert (state(app), state(app, "pr-52"), state(app, "pr-53")) == ("closed", "closing", "closed")
    tool(app).fails_for = ""
    assert {preview.environment: preview.state for preview in preview_sweep(app).previews} == {"pr-52": "closed"}


def test_a_sweep_leaves_what_somebody_changes_to_the_next() -> None:
    app = make()
    forge(app).pulls = {}
    app.leases.take("pr-52", holder="eve@desk", run_url="", deployment_id="d-1", ttl=120)
    swept = {preview.environment: preview.state for preview in preview_sweep(app).previews}
    assert swept == {"pr-51": "closed", "pr-52": "busy", "pr-53": "closed"}
    assert [state(app, f"pr-{number}") for number in (51, 52, 53)] == ["closed", "", "closed"]


def test_a_sweep_keeps_what_was_opened_again_since_it_looked() -> None:
    """Pull requests are listed first; by the time that a preview's turn comes, its own may be open."""
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    forge(app).listed = []
    swept = {preview.environment: preview.state for preview in preview_sweep(app).previews}
    assert swept == {"pr-51": "kept", "pr-52": "kept", "pr-53": "kept"}
    assert tool(app).ran == []


def test_a_sweep_goes_on_past_one_that_github_does_not_answer_for() -> None:
    app = make()
    forge(app).pulls, forge(app).answers, forge(app).fails = {}, 3, 1  # the list, and twice the first
    with pytest.raises(ServiceFailed, match="pr-52 could not be closed") as caught:
        preview_sweep(app)
    assert caught.value.state == "The others are as said above."
    assert [state(app, f"pr-{number}") for number in (51, 52, 53)] == ["closed", "", "closed"]
    assert "pr-52: failed" in app.screen.lines


def test_a_sweep_finds_what_a_tool_left_by_its_tags() -> None:
    """No record, no artifact: only the tags tell of it. What was just deleted is named for a while, too."""
    app = make()
    app.given["foundation"].tags = ["dev", "pr-51", "pr-60", "pr-x"]
    forge(app).pulls = dict.fromkeys((51, 52, 53), "open") | {60: "closed"}
    assert {preview.environment: preview.state for preview in preview_sweep(app).previews}["pr-60"] == "closed"
    assert [command[-1] for command, _ in tool(app).ran] == ["hello-pr-60"]
    assert {preview.environment: preview.state for preview in preview_sweep(app).previews}["pr-60"] == "kept"
    app.clock.advance(2 * 3600)
    [left] = [preview for preview in preview_sweep(app).previews if preview.environment == "pr-60"]
    assert (left.state, left.reason) == ("closed", "it was closed, and resources with its tags are left")
    assert len(tool(app).ran) == 2


def test_a_damaged_record_counts_as_open() -> None:
    """What it told of may be there: it is neither forgotten by the sweep nor by the limit."""
    app = make(limit=1)
    app.store.create(layout.preview("hello", "pr-52"), b"{")
    with pytest.raises(Refused, match=r"previews\.limit = 1 "):
        deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    forge(app).pulls[52] = "closed"
    assert ("pr-52", "closed") in {(preview.environment, preview.state) for preview in preview_sweep(app).previews}
    assert state(app, "pr-52") == "closed"


@pytest.mark.parametrize("lie", [{"number": 7}, {"environment": "pr-7"}, {"app": "other"}], ids=str)
def test_a_record_that_tells_of_another_preview_is_not_believed(lie: dict[str, Any]) -> None:
    """The number decides whether its pull request is over: somebody else's would close it, or keep it for ever."""
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    forge(app).pulls[7] = "closed"
    key, stored = layout.preview("hello", ENVIRONMENT), record(app)
    assert stored
    app.store.replace(key, replace(stored, **lie).to_json(), app.store.objects[key].etag)
    assert {(preview.environment, preview.state) for preview in preview_sweep(app).previews} >= {("pr-51", "kept")}


def test_records_of_previews_that_were_closed_long_ago_go() -> None:
    app = make()
    for number, name in ((70, "pr-70"), (71, "pr-71")):
        record = PreviewRecord(
            "hello", name, number, "closed", "2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00", "ada"
        )
        app.store.create(layout.preview("hello", name), record.to_json())
    app.publish(ARTIFACT, environment="pr-71")  # something of it is left
    assert preview_sweep(app).forgotten == 1
    assert app.store.get(layout.preview("hello", "pr-70")) is None
    assert state(app, "pr-71") == "closed"


def test_a_close_that_lost_its_lease_does_not_call_a_new_deployment_closed() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    key = layout.preview("hello", ENVIRONMENT)

    def somebody_else() -> None:
        before = app.store.get(key)
        assert before
        record = PreviewRecord.read(before.body)
        assert record
        app.store.replace(key, replace(record, state="open", who="eve@desk").to_json(), before.etag)

    tool(app).during = somebody_else
    with pytest.raises(ServiceFailed, match="the lease was taken over"):
        preview_close(app, pr="51")
    assert state(app) == "open"


@pytest.mark.parametrize(("event", "outcome"), [("pull_request", "kept"), ("workflow_dispatch", "closed")])
def test_a_late_job_of_a_close_leaves_what_was_opened_again(event: str, outcome: str) -> None:
    """GitHub promises no order of runs; a person may close what is open."""
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    app.ci = replace(app.ci, trigger=Trigger(event))
    assert preview_close(app, pr="51").state == outcome
    assert state(app) == ("open" if outcome == "kept" else "closed")


def test_nothing_but_a_deployment_makes_a_closed_preview_anew() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    app.publish("722d2103-20250821-124500", environment=ENVIRONMENT)
    deploy(app, artifact="722d2103-20250821-124500", env=ENVIRONMENT)
    preview_close(app, pr="51")
    with pytest.raises(Refused, match=r"pr-51 is closed since .*: what it ran on is gone"):
        rollback(app, to=ARTIFACT, env=ENVIRONMENT, yes=True)


def test_a_deployment_is_refused_if_nobody_can_be_asked_about_the_pull_request() -> None:
    app = make()
    app.given["forge"] = None
    with pytest.raises(Refused, match="Can't tell whether pull request 51 is open"):
        deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert state(app) == ""


def test_infrastructure_is_recorded_before_it_is_made_and_refused_for_a_closed_pull_request(tmp_path: Path) -> None:
    app = make(environment=TEMPLATE | {"infra": {"directory": "infra", "command": ["cdk", "deploy"]}})
    app.root = tmp_path
    (tmp_path / "infra").mkdir()
    seen: list[str] = []
    tool(app).during = lambda: seen.append(state(app))
    assert infra_apply(app, artifact=ARTIFACT, env=ENVIRONMENT).state == "ran"
    assert seen == ["open"]
    forge(app).pulls[51] = "closed"
    with pytest.raises(Refused, match="Pull request 51 is closed"):
        infra_apply(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert len(tool(app).ran) == 1


def test_without_a_token_nothing_is_swept() -> None:
    app = make()
    app.given["forge"] = None
    with pytest.raises(ServiceFailed, match="no token"):
        preview_sweep(app)


def test_a_pull_request_that_was_opened_again_is_deployed_to_again() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    preview_close(app, pr="51")
    app.hosts.machines[0].serving = ""
    assert deploy(app, artifact=ARTIFACT, env=ENVIRONMENT).state == "healthy"
    assert state(app) == "open"


def test_a_build_of_a_commit_that_was_pushed_over_is_not_deployed() -> None:
    """Two jobs of one pull request may run in another order than its pushes came."""
    app = make()
    forge(app).heads[51] = "f" * 40
    with pytest.raises(Refused, match=r"Pull request 51 is at ffffffff now; this artifact was built from 00000000"):
        deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert state(app) == ""
    assert deploy(app, artifact=ARTIFACT, env=ENVIRONMENT, allow_older=True).state == "healthy"


def test_a_branch_that_was_pushed_anew_to_an_older_commit_is_deployed() -> None:
    app = make()
    older = "522d2103-20250819-124500"
    app.publish(older, environment=ENVIRONMENT)
    for artifact in (ARTIFACT, older):
        assert deploy(app, artifact=artifact, env=ENVIRONMENT).state == "healthy"


# -- what a closed one leaves ------------------------------------------------------------------------------------------


def test_what_a_closed_preview_left_goes_by_its_age_though_it_ran_last_and_no_unit_can_be_asked() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    preview_close(app, pr="51")
    app.hosts.machines = []
    cleanup(app, pr="51").insist()
    assert app.store.get(layout.artifact("hello", ENVIRONMENT, ARTIFACT, layout.MANIFEST)), "younger than seven days"
    app.clock.advance(8 * 86400)
    result = cleanup(app, pr="51")
    result.insist()
    assert result.environments[0].go == 1
    assert not [key for key in app.store.objects if key.startswith(f"hello/{ENVIRONMENT}/")]
    assert record(app), "that it is closed is still known"


def test_an_open_preview_keeps_what_it_runs() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    app.clock.advance(30 * 86400)
    cleanup(app, pr="51").insist()
    assert app.store.get(layout.artifact("hello", ENVIRONMENT, ARTIFACT, layout.MANIFEST))


def test_all_environments_are_those_of_recorded_previews_too() -> None:
    app = make()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    again = settings(environments=VALUES["environments"], previews={"environment": TEMPLATE})
    app.settings = again
    assert [cleaned.environment for cleaned in cleanup(app, dry_run=True).environments] == ["dev", ENVIRONMENT]
