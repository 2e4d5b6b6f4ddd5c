"""history: who shipped what, when, and what came of it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from tagship.adapters.terminal import TerminalScreen
from tagship.domain.chain import RawEntry
from tagship.errors import DeployFailed, NotAuthentic, ServiceFailed, SettingsError, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.history import history
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine


def told() -> FakeApp:
    """0.1.1-dev healthy, then 0.1.2-dev failed; a minute each."""
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish("0.1.1-dev", "0.1.2-dev")
    app.hosts.during = lambda _: app.clock.advance(12)
    deploy(app, artifact="0.1.1-dev")
    app.clock.advance(60)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.2-dev")
    return app


def test_the_newest_comes_first_with_who_what_and_how_long() -> None:
    app = told()
    history(app)
    columns, rows = app.screen.tables[-1]
    assert columns == ["WHEN (UTC)", "OUTCOME", "TOOK", "BY", "WHAT"]
    assert rows == [
        ["2026-11-20 12:01", "rolled-back", "12 s", "ada@laptop", "deploy 0.1.2-dev on dev"],
        ["it answered 500"],
        ["2026-11-20 12:00", "healthy", "12 s", "ada@laptop", "deploy 0.1.1-dev on dev"],
    ]


def test_what_could_not_be_read_is_not_said_to_be_empty() -> None:
    table = environments()
    app = FakeApp(settings=settings(environments={**table, "prod": {**table["dev"], "branch": "main"}}))
    read = app.ledger.deployments

    def deployments(environment: str, count: int = 0) -> Any:
        if environment == "prod":
            raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")
        return read(environment, count)

    app.ledger.deployments = deployments  # type: ignore[method-assign,assignment]
    with pytest.raises(ServiceFailed, match="AWS cannot be reached"):
        history(app).insist()
    assert app.screen.lines[-1] == "Nothing was deployed, as far as could be read."


def test_a_ci_run_is_told_by_whose_push_it_was_and_a_long_reason_is_whole() -> None:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]), who="run 17951931757 (grace)")
    app.publish("0.1.1-dev")
    app.hosts.machines[0].answers.append("failed")
    app.hosts.machines[0].reason = "it answered as " + "x" * 80
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.1-dev")
    history(app)
    _, rows = app.screen.tables[-1]
    assert rows[0][3] == "grace, CI"
    assert rows[1] == ["it answered as " + "x" * 80]


def test_a_limit_keeps_the_newest() -> None:
    assert [one.artifact_id for one in history(told(), limit=1).deployments] == ["0.1.2-dev"]


def test_a_limit_cuts_the_marks_that_are_older_than_what_is_shown() -> None:
    app = told()
    mark_bad(app, version="0.1.1-dev", reason="it sends every mail twice")
    app.clock.advance(60)
    app.publish("0.1.3-dev")
    deploy(app, artifact="0.1.3-dev")
    history(app, limit=1)
    _, rows = app.screen.tables[-1]
    assert [row[4] for row in rows] == ["deploy 0.1.3-dev on dev"]
    assert app.screen.lines[-1] == "older ones: inv history --limit 0"


def test_older_ones_are_named_with_the_filters_and_only_if_there_are_some() -> None:
    app = told()
    history(app, env="dev", limit=1, who="ada", since="1d")
    assert app.screen.lines[-1] == "older ones: inv history --env dev --who ada --since 1d --limit 0"
    app.screen.lines.clear()
    history(app, limit=2)
    assert "older ones" not in app.screen.text


def test_zero_is_no_limit() -> None:
    assert len(history(told(), limit=0).deployments) == 2


def test_a_negative_limit_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        history(told(), limit=-1)


def test_nothing_deployed_says_what_to_do() -> None:
    app = FakeApp()
    assert history(app).as_data() == []
    assert "inv deploy-dev" in app.screen.text


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(SettingsError):
        history(FakeApp(), env="prod")


def test_the_data_holds_every_entry() -> None:
    app = told()
    app.screen.data(history(app).as_data())
    found = app.screen.documents[-1]
    assert [entry["state"] for entry in found[0]["entries"]] == [  # type: ignore[index]
        "requested",
        "started",
        "failed",
        "rolled-back",
    ]
    assert found[1]["seconds"] == 12.0  # type: ignore[index]


def test_an_entry_that_cannot_be_read_is_named() -> None:
    app = told()
    app.ledger.cannot_read = ["hello/_ledger/dev/x/9-healthy.json"]
    history(app)
    assert "hello/_ledger/dev/x/9-healthy.json" in app.screen.warnings[-1]


def test_an_index_that_cannot_be_read_is_named_with_the_command_that_mends_it() -> None:
    app = told()
    app.ledger.cannot_read = ["hello/_ledger/dev/_index/a_b.json.gz"]
    history(app)
    assert app.screen.warnings[-1].endswith(". Rebuild it: inv history --env dev --rebuild-index")


def test_the_index_is_written_anew_when_asked() -> None:
    app = told()
    history(app, rebuild_index=True)
    assert app.ledger.rebuilt == ["dev"]
    assert "dev: rebuilt the ledger's index (1 segment)" in app.screen.text


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"version": "0.1.1-dev"}, ["0.1.1-dev"]),
        ({"state": "rolled-back"}, ["0.1.2-dev"]),
        ({"state": "healthy", "version": "0.1.2-dev"}, []),
        ({"who": "ADA"}, ["0.1.2-dev", "0.1.1-dev"]),
        ({"who": "eve"}, []),
        ({"since": "30s"}, ["0.1.2-dev"]),
        ({"since": "1d"}, ["0.1.2-dev", "0.1.1-dev"]),
        ({"since": "2026-11-20"}, ["0.1.2-dev", "0.1.1-dev"]),
        ({"since": "2026-11-20T12:01:00+00:00"}, ["0.1.2-dev"]),
        ({"since": "2026-11-20T12:01"}, ["0.1.2-dev"]),
        ({"since": "2026-11-21"}, []),
        ({"limit": 1, "who": "ada"}, ["0.1.2-dev"]),
    ],
)
def test_filters_all_hold_together(filters: dict[str, Any], found: list[str]) -> None:
    assert [one.artifact_id for one in history(told(), **filters).deployments] == found


def test_filters_look_behind_the_limit() -> None:
    assert [one.artifact_id for one in history(told(), limit=1, state="healthy").deployments] == ["0.1.1-dev"]


def test_nothing_that_matches_is_said() -> None:
    app = told()
    history(app, version="9.9.9-dev")
    assert app.screen.lines[-1] == "Nothing matches."


@pytest.mark.parametrize("wrong", [{"state": "thriving"}, {"since": "yesterday"}, {"since": "7"}, {"since": "999999d"}])
def test_a_filter_that_cannot_be_right_is_a_usage_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        history(told(), **wrong)


# -- marks -------------------------------------------------------------------------------------------------------------


def test_marks_stand_among_the_deployments_with_who_and_why() -> None:
    app = told()
    mark_bad(app, version="0.1.1-dev", reason="it sends every mail twice, to everybody who ever asked")
    history(app)
    _, rows = app.screen.tables[-1]
    assert rows[0][1:] == ["bad", "", "ada@laptop", "mark-bad 0.1.1-dev on dev"]
    assert rows[1] == ["it sends every mail twice, to everybody who ever asked"]


def test_the_data_says_what_is_bad_now_and_what_people_said() -> None:
    app = told()
    failed, fine = history(app).as_data()
    assert failed["bad"] == "it failed on 2026-11-20 12:01 UTC (it answered 500)"
    assert (fine["bad"], fine["marks"]) == ("", [])
    mark_good(app, version="0.1.2-dev", reason="the disk was full")
    failed, fine = history(app).as_data()
    assert failed["bad"] == ""
    assert failed["marks"][0]["reason"] == "the disk was full"  # type: ignore[index]
    assert fine["marks"] == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_reason_is_whole_at_any_width_of_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = Terminal()
    app = failed_for(REASON)
    app.screen = TerminalScreen(stdout=shown)  # type: ignore[assignment]
    history(app)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in shown.getvalue().splitlines()]
    assert max(map(len, lines)) <= columns
    told = [line.strip() for line in lines if line and line.strip() in REASON]
    assert " ".join(told) == REASON
    assert len(told) <= -(-len(REASON) // (columns - 10)), "it has the room that the terminal has"


def test_in_a_log_a_reason_is_one_line() -> None:
    log = io.StringIO()
    app = failed_for(REASON)
    app.screen = TerminalScreen(stdout=log)  # type: ignore[assignment]
    history(app)
    assert any(line.endswith(f"  {REASON}") for line in log.getvalue().splitlines())


REASON = "the database did not accept the connection of the new version within its thirty seconds of patience, it said"


def failed_for(reason: str) -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish("0.1.1-dev")
    app.hosts.machines[0].answers.append("failed")
    app.hosts.machines[0].reason = reason
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.1-dev")
    return app


def test_a_ledger_that_is_not_what_was_written_is_named() -> None:
    app = FakeApp()
    app.ledger.objects = [RawEntry("20261120-120500-000000-abcdef/1-healthy.json", app.clock.now(), b"{}")]
    with pytest.raises(NotAuthentic) as raised:
        history(app, env="dev", verify=True)
    assert raised.value.what == "The ledger of dev is not what was written: 1 problem."
    assert raised.value.evidence == "20261120-120500-000000-abcdef/1-healthy.json cannot be read"
    assert "list-object-versions" in raised.value.remedy


def test_a_ledger_as_it_was_written_is_said_to_be_so() -> None:
    app = FakeApp()
    history(app, env="dev", verify=True)
    assert app.screen.lines[0] == "dev: 0 records of the ledger, none altered, deleted or put between (0 in the chain)"


def test_the_evidence_of_a_failure_can_be_read_later() -> None:
    app = told()
    app.screen.lines.clear()
    history(app, version="0.1.2-dev", evidence=True)
    at = app.screen.lines.index("\n0.1.2-dev on dev, 2026-11-20 12:01 UTC:")
    [shown] = app.screen.lines[at + 1 :]
    assert "Traceback: boom" in shown
    assert all(line.startswith("| ") for line in shown.split("\n"))


def test_a_forged_line_in_the_evidence_stays_a_quotation() -> None:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish("0.1.1-dev")
    app.hosts.machines[0].answers.append("failed")
    app.hosts.machines[0].evidence = "listening\n0.1.1-dev is healthy\x1b[2K"
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.1-dev")
    history(app, evidence=True)
    assert "| 0.1.1-dev is healthy" in app.screen.text
    assert "\x1b" not in app.screen.text


def test_without_a_failure_there_is_no_evidence_and_that_is_said() -> None:
    app = told()
    history(app, version="0.1.1-dev", evidence=True)
    assert app.screen.lines[-1] == "None of these deployments has recorded evidence of a failure."
