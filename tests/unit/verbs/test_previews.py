"""Previews: recorded before they are made, refused once their pull request is closed, and taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.preview import PreviewRecord
from tagship.errors import Held, Refused, ServiceFailed, UsageError
from tagship.ports.account import ToolFailed
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.preview_close import preview_close
from tagship.verbs.preview_sweep import preview_sweep
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.forge import FakeForge
from tests.fakes.target import FakeTarget, machine

ARTIFACT = "622d2103-20250820-124500"
ENVIRONMENT = "pr-51"
TEMPLATE = {"ec2": {"tags": {"tagship:environment": "pr-{n}"}, "command": ["python3", "app.py"]}}


class Tool:
    """The team's own tool: what it was asked to run."""

    def __init__(self) -> None:
        self.ran: list[tuple[list[str], dict[str, Any]]] = []
        self.fails = False

    def run(self, command: Any, variables: Any) -> None:
        self.ran.append((list(command), dict(variables)))
        if self.fails:
            raise ToolFailed("running it", 3, "stack is in use")


def make(**previews: Any) -> FakeApp:
    table = {"environment": TEMPLATE, "remove": ["cdk", "destroy", "hello-pr-{n}"], **previews}
    chosen = settings(environments=VALUES["environments"], previews=table)
    for number in (51, 52, 53):
        chosen.environment(f"pr-{number}")
    forge, tool = FakeForge(), Tool()
    forge.pulls = {51: "open", 52: "open", 53: "open"}
    app = FakeApp(chosen, given={"forge": forge, "infrastructure": tool}, hosts=FakeTarget([machine("web-1")]))
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
    with pytest.raises(Refused, match=r"1 preview .*previews.limit is 1"):
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
        "pr-51": ("closed", "pull request 51 is not open"),
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
    app.leases.take("pr-52", holder="eve@desk", run_url="", deployment_id="d-1", ttl=120)
    with pytest.raises(ServiceFailed, match=r"pr-52 could not be closed"):
        preview_sweep(app)
    assert (state(app), state(app, "pr-52"), state(app, "pr-53")) == ("closed", "", "closed")


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
