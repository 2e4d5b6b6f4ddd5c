"""Telling people: each once, and what fails is a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tagship.domain.news import NOT_DEPLOYED, News
from tagship.errors import ServiceFailed, SettingsError
from tagship.release.telling import tell, try_hooks
from tests.fakes.app import FakeApp

GOOD = News("d-1", "hello", "dev", "0.1.30-dev", "c" * 40, "healthy", "It serves.")
BAD = replace(GOOD, state="rolled-back", headline="It failed.")
NO = ServiceFailed("GitHub answered 403.", remedy="Look.")


@dataclass
class FakeBoard:
    """Remembers who was told; `silent` are the pages that do not answer."""

    silent: tuple[str, ...] = ()
    told: list[tuple[str, str]] = field(default_factory=list)

    def _tell(self, page: str, news: News) -> None:
        if page in self.silent:
            raise NO
        self.told.append((page, news.id))

    def deployment(self, news: News) -> None:
        self._tell("deployment", news)

    def status(self, news: News) -> None:
        self._tell("status", news)

    def issue(self, news: News) -> str:
        self._tell("issue", news)
        return "https://github.com/acme/hello/issues/1"

    def comment(self, number: int, mark: str, body: str) -> str:
        raise AssertionError(f"pull request {number} has no preview: {mark} {body}")


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
    assert board.told == [("deployment", "d-1"), ("status", "d-1"), ("issue", "d-1")]


def test_a_page_that_fails_is_a_warning_and_the_others_are_told() -> None:
    board, hook = FakeBoard(silent=("deployment", "issue")), FakeHook()
    app = in_ci(board=board, team=hook)
    tell(app, BAD)
    assert board.told == [("status", "d-1")]
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
