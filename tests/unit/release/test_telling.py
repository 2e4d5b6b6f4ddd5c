"""Telling people: each once, and what fails is a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tagship.domain.news import NOT_DEPLOYED, News
from tagship.errors import ServiceFailed, SettingsError
from tagship.release.telling import tell, try_github, try_hooks
from tagship.verbs.notify import Tried, notify
from tests.fakes.app import FakeApp, settings

GOOD = News("d-1", "hello", "dev", "0.1.30-dev", "c" * 40, "healthy", "It serves.")
BAD = replace(GOOD, state="rolled-back", headline="It failed.")
NO = ServiceFailed("GitHub answered 403.", remedy="Look.")


@dataclass
class FakeBoard:
    """Remembers who was told; `silent` are pages that do not answer, `may_not` those that the token may not write."""

    silent: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    told: list[tuple[str, str]] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    def _tell(self, page: str, news: News) -> None:
        if page in self.silent:
            raise NO
        self.told.append((page, news.id))
        self.news.append(news)

    def deployment(self, news: News) -> None:
        self._tell("deployment", news)

    def status(self, news: News) -> None:
        self._tell("status", news)

    def checks(self, news: News) -> None:
        self._tell("checks", news)

    def release(self, news: News) -> str:
        self._tell("release", news)
        return "https://github.com/acme/hello/releases/tag/1.4.0"

    def issue(self, news: News) -> str:
        self._tell("issue", news)
        return "https://github.com/acme/hello/issues/1"

    def comment(self, number: int, mark: str, body: str) -> str:
        raise AssertionError(f"pull request {number} has no preview: {mark} {body}")

    def tried(self, pages: Sequence[str]) -> Mapping[str, str]:
        if "tried" in self.silent:
            raise NO
        return {page: "GitHub answered 403." if page in self.may_not else "" for page in pages}


@dataclass
class FakeHook:
    """Fails as often as `fails` says."""

    kind: str = "generic"
    failures_only: bool = False
    fails: int = 0
    sent: list[Mapping[str, Any]] = field(default_factory=list)

    def send(self, message: Mapping[str, Any]) -> None:
        if self.fails:
            self.fails -= 1
            raise ServiceFailed("The webhook team answered 500.", remedy="Check it.")
        self.sent.append(message)


def in_ci(*, board: FakeBoard | None = None, **hooks: FakeHook) -> FakeApp:
    app = FakeApp(given={"board": board, "hooks": hooks})
    app.ci.run = "7"
    return app


def test_github_is_told_of_a_deployment_on_each_of_its_pages() -> None:
    board = FakeBoard()
    tell(in_ci(board=board), GOOD)
    assert board.told == [("deployment", "d-1"), ("status", "d-1"), ("checks", "d-1"), ("issue", "d-1")]


def test_a_page_that_fails_is_a_warning_and_the_others_are_told() -> None:
    board, hook = FakeBoard(silent=("deployment", "issue")), FakeHook()
    app = in_ci(board=board, team=hook)
    tell(app, BAD)
    assert board.told == [("status", "d-1"), ("checks", "d-1")]
    assert app.screen.warnings == ["not notified: GitHub answered 403. Look."] * 2
    assert len(hook.sent) == 1


def test_nobody_is_told_outside_ci() -> None:
    board, hook = FakeBoard(), FakeHook()
    tell(FakeApp(given={"board": board, "hooks": {"team": hook}}), BAD)
    assert (board.told, hook.sent) == ([], [])


def test_an_older_deployment_says_nothing_of_the_environments_issue() -> None:
    board = FakeBoard()
    tell(in_ci(board=board), replace(GOOD, newest=False))
    assert ("issue", "d-1") not in board.told


def test_a_webhook_is_told_once_however_often_the_job_runs() -> None:
    hook = FakeHook()
    app = in_ci(team=hook)
    tell(app, GOOD)
    tell(app, GOOD)
    assert len(hook.sent) == 1


def test_a_webhook_that_failed_is_told_by_the_next_run_and_then_no_more() -> None:
    hook = FakeHook(fails=1)
    app = in_ci(team=hook)
    tell(app, GOOD)
    assert app.screen.warnings == ["not notified: The webhook team answered 500. Check it."]
    tell(app, GOOD)
    tell(app, GOOD)
    assert len(hook.sent) == 1


def test_a_run_that_died_while_it_sent_is_not_sent_again() -> None:
    class Dying(FakeHook):
        def send(self, message: Mapping[str, Any]) -> None:
            self.sent.append(message)
            raise KeyboardInterrupt

    hook = Dying()
    app = in_ci(team=hook)
    with pytest.raises(KeyboardInterrupt):
        tell(app, GOOD)
    tell(app, GOOD)
    assert len(hook.sent) == 1


def test_a_webhook_for_failures_hears_of_nothing_else() -> None:
    hook = FakeHook(failures_only=True)
    app = in_ci(team=hook)
    tell(app, GOOD)
    assert hook.sent == []
    tell(app, BAD)
    assert len(hook.sent) == 1


def test_what_has_not_ended_is_not_sent() -> None:
    hook = FakeHook()
    tell(in_ci(team=hook), replace(GOOD, state="started"))
    assert hook.sent == []


def test_a_test_goes_to_each_webhook_and_says_which_failed() -> None:
    broken, good = FakeHook(fails=1), FakeHook()
    app = in_ci(broken=broken, good=good)
    assert try_hooks(app) == {"broken": "The webhook team answered 500.", "good": ""}
    assert "nothing was deployed" in str(good.sent)


def test_each_page_of_github_that_the_settings_want_is_tried_and_said() -> None:
    app = in_ci(board=FakeBoard(may_not=("check runs",)))
    assert try_github(app) == {
        "deployments": "", "commit statuses": "", "check runs": "GitHub answered 403.", "issues": "",
    }  # fmt: skip
    for page in ("deployments", "commit statuses", "issues"):
        assert f"GitHub takes {page} from this token." in app.screen.lines
    assert app.screen.warnings == ["GitHub takes no check runs from this token: GitHub answered 403."]
    app.settings = settings(notify={"release": "prod"})
    assert "releases" in try_github(app)


def test_a_github_that_does_not_answer_a_test_failed_it_and_without_a_token_there_is_none() -> None:
    app = in_ci(board=FakeBoard(silent=("tried",)))
    assert try_github(app) == {"GitHub": "GitHub answered 403."}
    assert app.screen.warnings == ["GitHub answered 403. Look."]
    alone = in_ci()
    assert try_github(alone) == {}
    assert "There is no token for GitHub" in alone.screen.text


def test_what_did_not_take_its_test_is_an_error_with_the_command_again() -> None:
    app = in_ci(board=FakeBoard(may_not=("issues",)), team=FakeHook(fails=1))
    result = notify(app, test=True)
    assert isinstance(result, Tried)
    assert result.as_data()["github"] == {
        "deployments": "", "commit statuses": "", "check runs": "", "issues": "GitHub answered 403.",
    }  # fmt: skip
    with pytest.raises(ServiceFailed, match="Not notified: issues, team") as caught:
        result.insist()
    assert caught.value.remedy.endswith("inv notify --test")


@pytest.mark.parametrize(
    ("state", "outcome", "labels"),
    [
        ("healthy", "success", []),
        ("partial", "success", []),
        ("started", "in_progress", []),
        ("rolled-back", "failure", ["rollback", "urgent"]),
        ("rollback-failed", "error", ["rollback", "urgent"]),
        (NOT_DEPLOYED, "failure", []),
        ("abandoned", "failure", []),
    ],
)
def test_a_state_has_its_outcome_and_labels(state: str, outcome: str, labels: list[str]) -> None:
    news = replace(GOOD, state=state)
    assert (news.outcome, news.labels) == (outcome, ["deployment", "dev", *labels])


def test_slack_and_teams_are_given_words_and_no_markup() -> None:
    news = replace(GOOD, headline="<!channel> & *all*", run_url="https://github.com/acme/hello/actions/runs/7")
    assert news.message("slack") == {
        "text": "&lt;!channel&gt; &amp; *all*\nhttps://github.com/acme/hello/actions/runs/7"
    }
    [attachment] = news.message("teams")["attachments"]
    assert attachment["content"]["body"][0]["inlines"][0]["text"].startswith("<!channel> & *all*")
    assert news.message("generic")["good"] is True


def test_an_unset_address_names_its_variable_and_no_message_has_an_address() -> None:
    from tagship.adapters.webhook import HttpHook

    with pytest.raises(SettingsError, match="SLACK_WEBHOOK_URL is not set"):
        HttpHook("team", "slack", "SLACK_WEBHOOK_URL", False, "").send({})
    with pytest.raises(ServiceFailed) as caught:
        HttpHook("team", "slack", "URL", False, "https://hooks.example.com/secret", local=True).send({})
    assert "secret" not in f"{caught.value.what} {caught.value.remedy}"


@pytest.mark.parametrize("url", ["https://…", "https://[::1/secret", "https://h\u2100/secret"])
def test_an_address_that_is_none_is_said_without_its_words(url: str) -> None:
    from tagship.adapters.webhook import HttpHook

    with pytest.raises(ServiceFailed, match="The webhook team") as caught:
        HttpHook("team", "slack", "URL", False, url).send({})
    assert "secret" not in f"{caught.value.what} {caught.value.remedy}"


FINAL = replace(GOOD, version="1.4.0", environment="prod")


@pytest.mark.parametrize(
    ("news", "released"),
    [
        (FINAL, True),
        (replace(FINAL, version="1.4.0-prod"), False),
        (replace(FINAL, version="cccccccc-20261120-120000"), False),
        (replace(FINAL, environment="dev"), False),
        (replace(FINAL, state="rolled-back"), False),
    ],
)
def test_a_final_version_is_released_where_the_settings_say_that_it_is_out(news: News, *, released: bool) -> None:
    board = FakeBoard()
    app = in_ci(board=board)
    app.settings = settings(notify={"release": "prod"})
    tell(app, news)
    assert (("release", "d-1") in board.told) == released
    assert any("Released: https://" in line for line in app.screen.lines) == released


def test_nothing_is_released_unless_the_settings_say_where() -> None:
    board = FakeBoard()
    tell(in_ci(board=board), FINAL)
    assert ("release", "d-1") not in board.told
