"""Where people are told: the adapter, over the sandbox's GitHub. Told twice, nothing is there twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tagship.adapters.github_board import GitHubBoard
from tagship.adapters.github_client import Client
from tagship.domain.news import NOT_DEPLOYED, News, Stage
from tagship.errors import ServiceFailed
from tagship.ports.board import ALWAYS, COMMENTS, RELEASES
from tagship.sandbox import web
from tagship.sandbox.actions.board import Board as Pages

COMMIT = "c" * 40
RUN = "https://github.com/acme/hello/actions/runs/7"
GOOD = News("d-1", "hello", "dev", "0.1.30-dev", COMMIT, "healthy", "It serves.", RUN, "https://dev.example.com")
BAD = replace(GOOD, id="d-2", state="rolled-back", headline="It failed @all <b>.", evidence="Traceback: boom")


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path / "board.json", lambda: "https://github.com/acme/hello", lambda ref: ref == COMMIT)


@pytest.fixture
def tags() -> set[str]:
    """Those that the repository has."""
    return set()


@pytest.fixture
def refuses() -> dict[str, str]:
    """The answer to each path that the token may not write to, or that is out of order."""
    return {}


@pytest.fixture
def pulls() -> list[dict[str, int]]:
    return [{"number": 51}]


@pytest.fixture
def board(pages: Pages, tags: set[str], refuses: dict[str, str], pulls: list[dict[str, int]]) -> Iterator[GitHubBoard]:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        path, body = environ["PATH_INFO"].removeprefix("/repos/acme/hello"), environ["wsgi.input"].read()
        if path in refuses:
            return web.answer(start_response, refuses[path], {"message": "Resource not accessible by integration"})
        if path == "/pulls":
            return web.answer(start_response, "200 OK", pulls)
        there = ("200 OK", {}) if path.removeprefix("/git/ref/tags/") in tags else ("404 Not Found", {})
        status, value = pages.answer(environ["REQUEST_METHOD"], path, query, body) or there
        return web.answer(start_response, status, value)

    server = web.server(application)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield GitHubBoard(Client("acme/hello", f"http://127.0.0.1:{server.port}", "t"))
    server.shutdown()
    server.server_close()


def get(pages: Pages, path: str, **query: str) -> Any:
    answer = pages.answer("GET", path, query, b"")
    assert answer
    return answer[1]


def test_a_deployment_has_its_outcome_and_the_address_of_what_serves(board: GitHubBoard, pages: Pages) -> None:
    board.deployment(GOOD)
    board.deployment(GOOD)
    [deployment] = get(pages, "/deployments", sha=COMMIT, environment="dev")
    [status] = get(pages, f"/deployments/{deployment['id']}/statuses")
    assert (status["state"], status["environment_url"], status["log_url"]) == ("success", GOOD.url, RUN)


def test_two_deployments_of_a_commit_are_two(board: GitHubBoard, pages: Pages) -> None:
    board.deployment(BAD)
    board.deployment(GOOD)
    assert len(get(pages, "/deployments", sha=COMMIT, environment="dev")) == 2


def test_a_deployment_that_had_not_ended_gets_its_end(board: GitHubBoard, pages: Pages) -> None:
    board.deployment(replace(GOOD, state="started"))
    board.deployment(GOOD)
    [deployment] = get(pages, "/deployments")
    states = [status["state"] for status in get(pages, f"/deployments/{deployment['id']}/statuses")]
    assert states == ["success", "in_progress"]


def test_the_commit_has_a_status_an_environment_and_it_is_not_said_twice(board: GitHubBoard, pages: Pages) -> None:
    for news in (BAD, BAD, GOOD, GOOD):
        board.status(news)
    statuses = get(pages, f"/commits/{COMMIT}/statuses")
    assert [(status["context"], status["state"]) for status in statuses] == [
        ("tagship/dev", "success"), ("tagship/dev", "failure"),
    ]  # fmt: skip


def test_a_long_headline_is_cut_to_what_github_takes(board: GitHubBoard, pages: Pages) -> None:
    board.status(replace(GOOD, headline="x" * 500))
    assert len(get(pages, f"/commits/{COMMIT}/statuses")[0]["description"]) == 140


def test_a_failure_is_one_issue_while_it_lasts_and_closed_when_it_is_healed(board: GitHubBoard, pages: Pages) -> None:
    opened = board.issue(replace(BAD, id="d-1", state=NOT_DEPLOYED))
    for _ in range(2):
        assert board.issue(BAD) == opened
    [issue] = get(pages, "/issues")
    assert {label["name"] for label in issue["labels"]} == {"deployment", "dev", "rollback", "urgent"}
    assert len(get(pages, "/issues/1/comments")) == 1
    assert board.issue(replace(GOOD, id="d-3")) == opened
    assert get(pages, "/issues") == []
    assert board.issue(replace(GOOD, id="d-3")) == ""
    assert board.issue(replace(BAD, id="d-4")) != opened


def test_an_issue_has_the_facts_and_foreign_words_stay_words(board: GitHubBoard, pages: Pages) -> None:
    board.issue(BAD)
    [issue] = get(pages, "/issues")
    assert issue["title"] == "dev: 0.1.30-dev failed, and was rolled back"
    for fact in ("0.1.30-dev", COMMIT, RUN, "rolled-back", "Traceback: boom", "inv status --env dev"):
        assert fact in issue["body"]
    assert "@all" not in issue["body"]
    assert "<b>" not in issue["body"]


def test_news_that_an_issue_has_on_a_later_page_is_not_told_again(board: GitHubBoard, pages: Pages) -> None:
    board.issue(replace(BAD, id="d-1"))
    for number in range(120):
        board.client.read("POST", "/issues/1/comments", {"body": f"{number}"})
    for _ in range(2):
        board.issue(BAD)
    assert sum(BAD.mark in comment["body"] for comment in get(pages, "/issues/1/comments", per_page="200")) == 1


def test_an_issue_of_somebody_else_with_these_labels_is_left_alone(board: GitHubBoard, pages: Pages) -> None:
    other = b'{"title": "Mine", "body": "Hands off", "labels": ["deployment", "dev"]}'
    assert pages.answer("POST", "/issues", {}, other)
    board.issue(GOOD)
    board.issue(BAD)
    assert {issue["title"]: issue["state"] for issue in get(pages, "/issues")} == {
        "Mine": "open", "dev: 0.1.30-dev failed, and was rolled back": "open",
    }  # fmt: skip


def test_environments_have_issues_of_their_own(board: GitHubBoard, pages: Pages) -> None:
    board.issue(BAD)
    board.issue(replace(GOOD, environment="prod"))
    assert len(get(pages, "/issues")) == 1


STAGED = replace(GOOD, stages=[Stage("build", "success"), Stage("ship", "failure")])


def test_each_stage_is_a_check_run_on_the_versions_commit_and_is_set_once(board: GitHubBoard, pages: Pages) -> None:
    for news in (STAGED, STAGED, replace(STAGED, id="d-2", stages=[Stage("ship", "success")])):
        board.checks(news)
    runs = get(pages, f"/commits/{COMMIT}/check-runs", check_name="tagship/dev: ship", filter="all")["check_runs"]
    assert [(run["conclusion"], run["external_id"]) for run in runs] == [
        ("success", "d-2/healthy/ship"),
        ("failure", "d-1/healthy/ship"),
    ]
    [build] = get(pages, f"/commits/{COMMIT}/check-runs", check_name="tagship/dev: build", filter="all")["check_runs"]
    assert (build["conclusion"], build["details_url"], build["head_sha"]) == ("success", RUN, COMMIT)


def test_a_check_run_shows_foreign_words_as_words(board: GitHubBoard, pages: Pages) -> None:
    board.checks(replace(STAGED, headline="It failed @all <b>."))
    [run] = get(pages, f"/commits/{COMMIT}/check-runs", check_name="tagship/dev: ship")["check_runs"]
    assert "@all" not in run["output"]["summary"]
    assert "<b>" not in run["output"]["summary"]


FINAL = replace(GOOD, version="1.4.0")


def test_a_final_version_is_one_release_of_its_tag(board: GitHubBoard, pages: Pages, tags: set[str]) -> None:
    tags.add("1.4.0")
    assert board.release(FINAL) == "https://github.com/acme/hello/releases/tag/1.4.0"
    assert board.release(FINAL) == "", "it is there"
    assert get(pages, "/releases/tags/1.4.0")["generate_release_notes"] is True


def test_a_version_without_a_tag_is_no_release(board: GitHubBoard, pages: Pages) -> None:
    """GitHub would make the tag, at the branch's newest commit."""
    assert board.release(FINAL) == ""
    answer = pages.answer("GET", "/releases/tags/1.4.0", {}, b"")
    assert answer
    assert answer[0] == "404 Not Found"


def test_a_release_has_the_name_of_its_tag(board: GitHubBoard, pages: Pages, tags: set[str]) -> None:
    tags.add("v1.4.0")
    assert board.release(replace(FINAL, tag="v1.4.0")) == "https://github.com/acme/hello/releases/tag/v1.4.0"


def test_two_apps_of_one_repository_keep_apart_what_they_tell(board: GitHubBoard, pages: Pages, tags: set[str]) -> None:
    """GitHub has one status of a context, and one active deployment of an environment's name."""
    tags.add("api/1.4.0")
    for app in ("api", "web"):
        news = replace(STAGED, app=app, version="1.4.0", tag=f"{app}/1.4.0", shares_repository=True)
        for page in (board.deployment, board.status, board.checks):
            page(news)
        assert len(get(pages, "/deployments", sha=COMMIT, environment=f"{app}/dev")) == 1
        board.release(news)
    contexts = [status["context"] for status in get(pages, f"/commits/{COMMIT}/statuses")]
    assert contexts == ["tagship/web/dev", "tagship/api/dev"]
    assert get(pages, f"/commits/{COMMIT}/check-runs", check_name="tagship/api/dev: ship")["check_runs"]
    release = get(pages, "/releases/tags/api/1.4.0")
    assert release["generate_release_notes"] is False, "they would begin at the other app's release"


MARK = "<!-- tagship preview hello/pr-51 -->"


def test_a_pull_request_has_one_comment_which_is_changed(board: GitHubBoard, pages: Pages) -> None:
    page = board.comment(51, MARK, f"{MARK}\nfirst")
    for text in ("second", "second"):
        assert board.comment(51, MARK, f"{MARK}\n{text}") == page
    assert [comment["body"] for comment in get(pages, "/issues/51/comments")] == [f"{MARK}\nsecond"]
    board.comment(51, "<!-- another -->", "<!-- another -->")
    assert len(get(pages, "/issues/51/comments")) == 2


def test_a_comment_of_ours_is_found_on_a_later_page(board: GitHubBoard, pages: Pages) -> None:
    for number in range(120):
        board.client.read("POST", "/issues/51/comments", {"body": f"{number}"})
    page = board.comment(51, MARK, f"{MARK}\nfirst")
    assert board.comment(51, MARK, f"{MARK}\nsecond") == page
    assert len(get(pages, "/issues/51/comments", per_page="100", page="2")) == 21


def test_what_a_person_wrote_with_our_mark_is_left_alone(board: GitHubBoard, pages: Pages) -> None:
    """Who may comment could have ours go into a comment of their own, and change it afterwards."""
    written = board.client.read("POST", "/issues/51/comments", {"body": f"{MARK}\nby mallory"})
    file = pages._file
    file.write_text(file.read_text().replace('"Bot"', '"User"'))
    board.comment(51, MARK, f"{MARK}\nours")
    bodies = {comment["id"]: comment["body"] for comment in get(pages, "/issues/51/comments")}
    assert bodies.pop(written["id"]) == f"{MARK}\nby mallory"
    assert list(bodies.values()) == [f"{MARK}\nours"]


def test_what_github_refuses_is_a_failure_in_its_words() -> None:
    with pytest.raises(ServiceFailed, match="GitHub cannot be reached"):
        GitHubBoard(Client("acme/hello", "http://127.0.0.1:9", "t")).status(GOOD)


# -- what the token may write ------------------------------------------------------------------------------------------

EVERY = (*ALWAYS, RELEASES, COMMENTS)
PATHS = {
    "deployments": ("/deployments", "deployments: write"),
    "commit statuses": (f"/statuses/{'0' * 40}", "statuses: write"),
    "check runs": ("/check-runs", "checks: write"),
    "issues": ("/issues", "issues: write"),
    RELEASES: ("/releases", "contents: write"),
    COMMENTS: ("/issues/51/comments", "pull-requests: write"),
}


def test_whether_the_token_may_write_is_tried_on_each_page_and_nothing_is_written(
    board: GitHubBoard, pages: Pages
) -> None:
    assert board.tried(EVERY) == dict.fromkeys(EVERY, "")
    assert not pages._file.exists()


@pytest.mark.parametrize("page", EVERY)
def test_a_page_that_the_token_may_not_write_is_named_with_the_permission(
    board: GitHubBoard, refuses: dict[str, str], page: str
) -> None:
    path, permission = PATHS[page]
    refuses[path] = "403 Forbidden"
    wrong = {name: problem for name, problem in board.tried(EVERY).items() if problem}
    assert wrong == {
        page: f"GitHub answered 403 (Resource not accessible by integration). The job's token needs {permission}."
    }


def test_comments_are_tried_on_a_pull_request_that_may_be_read_and_is_there(
    board: GitHubBoard, refuses: dict[str, str], pulls: list[dict[str, int]]
) -> None:
    pulls.clear()
    assert board.tried([COMMENTS]) == {COMMENTS: "It can't be tried before there is a pull request."}
    refuses["/pulls"] = "404 Not Found"
    assert "pull-requests: write" in board.tried([COMMENTS])[COMMENTS]


def test_issues_that_are_turned_off_are_no_question_of_permissions(board: GitHubBoard, refuses: dict[str, str]) -> None:
    refuses["/issues"] = "410 Gone"
    assert board.tried(["issues"])["issues"] == "GitHub answered 410 (Resource not accessible by integration)."


@pytest.mark.parametrize("status", ["401 Unauthorized", "502 Bad Gateway"])
def test_a_token_that_is_not_known_or_a_github_that_is_down_is_no_answer(
    board: GitHubBoard, refuses: dict[str, str], status: str
) -> None:
    refuses["/check-runs"] = status
    with pytest.raises(ServiceFailed):
        board.tried(ALWAYS)


def test_a_test_that_github_took_after_all_is_said(board: GitHubBoard, refuses: dict[str, str]) -> None:
    refuses["/deployments"] = "201 Created"
    with pytest.raises(ServiceFailed, match="GitHub took a test of deployments that it should refuse"):
        board.tried(ALWAYS)


# -- a runner that dies ------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The runner is gone."""


class Dying(Client):
    """The process dies before or after its write of that number."""

    def __init__(self, alive: Client, number: int, *, before: bool) -> None:
        super().__init__("acme/hello", alive._url.removesuffix("/repos/acme/hello"), "t")
        self.left, self.before = number, before

    def _send(self, method: str, url: str, **given: Any) -> Any:
        self.left -= method != "GET"
        strikes = method != "GET" and not self.left
        if strikes and self.before:
            raise Died
        answer = super()._send(method, url, **given)
        if strikes:
            raise Died
        return answer


def jobs() -> list[Callable[[GitHubBoard], object]]:
    """What runs of `notify` do, one after the other: two failures, their end, a release and a preview.

    A run that died is started again before the next one comes.
    """

    def deployed(news: News) -> Callable[[GitHubBoard], object]:
        return lambda board: [page(news) for page in (board.deployment, board.status, board.checks, board.issue)]

    failures = replace(BAD, state=NOT_DEPLOYED, id="d-1"), replace(BAD, stages=STAGED.stages)
    return [
        *map(deployed, (*failures, replace(GOOD, id="d-3"))),
        lambda board: board.release(FINAL),
        lambda board: board.comment(51, MARK, f"{MARK}\nfirst"),
        lambda board: board.comment(51, MARK, f"{MARK}\nsecond"),
    ]


WRITES = 18  # of all of them


def shown(pages: Pages) -> Any:
    """All that can be seen, without the numbers and times of rows."""
    rows = pages._read()
    assert rows
    return {
        table: sorted(
            json.dumps({name: value for name, value in row.items() if name not in {"id", "created_at", "html_url"}})
            for row in table_rows
        )
        for table, table_rows in rows.items()
        if table not in {"deployment_statuses", "statuses"}
    } | {"said": sorted((row["state"], row.get("description", "")) for row in rows["deployment_statuses"])}


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_told_again_after_a_crash_at_any_write_each_thing_is_there_once(
    board: GitHubBoard, pages: Pages, tags: set[str], tmp_path: Path, *, before: bool
) -> None:
    tags.add("1.4.0")
    for job in jobs():
        job(board)
    whole = shown(pages)
    for number in range(1, WRITES + 1):
        pages._file.unlink()
        dying, died = GitHubBoard(Dying(board.client, number, before=before)), 0
        for job in jobs():
            try:
                job(dying if not died else board)
            except Died:
                died += 1
                job(board)
        assert (died, shown(pages)) == (1, whole), f"it died {'before' if before else 'after'} write {number}"
    alive = Dying(board.client, WRITES + 1, before=before)
    pages._file.unlink()
    for job in jobs():
        job(GitHubBoard(alive))
    assert alive.left == 1, "there is no other write"
