"""GitHub's adapter, against answers of GitHub's shape on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.github import GitHub, connect, find_token
from tagship.errors import ServiceFailed
from tagship.ports.forge import Forge, Home, Notice, Protection, Run, Step
from tests.fakes.forge import FakeForge

COMMIT = "a" * 40
QUEUED = Run("7", "https://github.com/acme/hello/actions/runs/7", "queued", ref="0.1.1-dev", name="deploy-dev")
BASE = "/repos/acme/hello"


def test_a_pull_request_is_open_closed_or_missing(answers: Answers, url: str) -> None:
    answers.paths[f"{BASE}/pulls/51"] = {"number": 51, "state": "open", "head": {"sha": COMMIT}}
    answers.paths[f"{BASE}/pulls/52"] = {"number": 52, "state": "closed", "head": {"sha": COMMIT}}
    answers.paths[f"{BASE}/pulls/53"] = 404
    found = connect("acme/hello", url, "token")
    assert found
    assert [found.pull_request(number).state for number in (51, 52, 53)] == ["open", "closed", "missing"]
    assert [found.pull_request(number).head for number in (51, 53)] == [COMMIT, ""]


def test_every_page_of_open_pull_requests_is_read(answers: Answers, url: str) -> None:
    pages = [list(range(1, 101)), [101]]
    for number, page in enumerate(pages, 1):
        path = f"{BASE}/pulls?state=open&per_page=100&page={number}"
        answers.paths[path] = [{"number": row, "state": "open"} for row in page]
    found = connect("acme/hello", url, "token")
    assert found
    assert list(found.open_pull_requests()) == list(range(1, 102))


def test_the_attestations_of_a_digest_are_its_bundles_and_none_if_there_are_none(answers: Answers, url: str) -> None:
    digest = "sha256:" + "d" * 64
    rows = [{"bundle": {"mediaType": "x"}}, {"bundle": None, "bundle_url": "https://x.example"}]
    answers.paths[f"{BASE}/attestations/{digest}?per_page=100"] = {"attestations": rows}
    answers.paths[f"{BASE}/attestations/sha256:none?per_page=100"] = 404
    found = connect("acme/hello", url, "token")
    assert found
    assert found.attestations(digest) == [{"mediaType": "x"}]
    assert list(found.attestations("sha256:none")) == []


def run(number: int, branch: str, name: str, **changes: Any) -> dict[str, Any]:
    url = f"https://github.com/acme/hello/actions/runs/{number}"
    path = f".github/workflows/{name}.yml"
    return {
        "id": number,
        "head_branch": branch,
        "name": name,
        "path": path,
        "html_url": url,
        "status": "queued",
        **changes,
    }


class Answers:
    """What the server answers: path → body, an HTTP status alone, or a URL to go to.

    `asked` holds the paths, with their queries.
    """

    def __init__(self) -> None:
        self.paths: dict[str, Any] = {}
        self.asked: list[str] = []
        self.posted: list[str] = []
        self.tokens: list[str] = []
        self.html = False  # whether an error's body is a page, as a proxy writes one
        self.headers: dict[str, str] = {}


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def url(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append(self.path)
            answers.tokens.append(self.headers.get("Authorization", ""))
            told = answers.paths.get(self.path, answers.paths.get(self.path.split("?")[0], 404))
            if isinstance(told, str):
                self.send_response(301)
                self.send_header("Location", told)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, body = (told, {"message": "Told off"}) if isinstance(told, int) else (200, told)
            raw = b"<h1>Bad Gateway</h1>" if answers.html else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in answers.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            answers.posted.append(self.path)
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def forge(url: str) -> GitHub:
    made = connect("acme/hello", url, "secret")
    assert made is not None
    return made


def test_the_adapter_and_the_fake_are_forges(forge: GitHub) -> None:
    both: list[Forge] = [forge, FakeForge()]
    assert all(one.where for one in both)


def test_the_tags_own_run_is_found_and_the_deploying_one_of_several(forge: GitHub, answers: Answers) -> None:
    others = [run(9, "dev", "deploy-dev"), run(8, "0.1.1-dev", "lint"), run(7, "0.1.1-dev", "deploy-dev")]
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": others}
    assert forge.find_run(COMMIT, "0.1.1-dev") == QUEUED
    assert f"head_sha={COMMIT}" in answers.asked[0]
    assert answers.tokens == ["token secret"]
    assert forge.find_run(COMMIT, "0.1.2-dev") is None


@pytest.mark.parametrize("own", ["tagship-deploy-dev", "deploy-dev", "deploy"])
def test_tagships_run_is_found_beside_newer_ones_of_a_teams_own(forge: GitHub, answers: Answers, own: str) -> None:
    teams = {"tagship-deploy-dev": "deploy-dev", "deploy-dev": "deploy", "deploy": "release"}[own]
    runs = [run(9, "0.1.1-dev", teams), run(7, "0.1.1-dev", own), run(6, "0.1.1-dev", own)]
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": runs}
    found = forge.find_run(COMMIT, "0.1.1-dev")
    assert (found.id if found else "") == QUEUED.id == "7"


def test_a_runs_steps_are_named_with_their_job(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7"] = run(
        7, "0.1.1-dev", "deploy-dev", status="completed", conclusion="failure"
    )
    steps = [{"name": "inv build", "status": "completed", "conclusion": "success"}]
    answers.paths[f"{BASE}/actions/runs/7/jobs"] = {
        "jobs": [
            {"id": 1, "name": "build", "status": "completed", "conclusion": "success", "steps": steps},
            {"id": 2, "name": "deploy", "status": "queued", "conclusion": None, "steps": []},
        ]
    }
    found = forge.run("7")
    assert (found.state, found.conclusion) == ("completed", "failure")
    assert list(found.steps) == [Step("build: inv build", "completed", "success"), Step("deploy", "queued")]


def test_a_step_that_ended_says_how_long_it_took(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7"] = run(7, "0.1.1-dev", "deploy-dev", updated_at="2026-11-20T15:53:00Z")
    times = {"started_at": "2026-11-20T15:52:00Z", "completed_at": "2026-11-20T15:52:41Z"}
    steps = [{"name": "Build", "status": "completed", "conclusion": "success", **times}]
    answers.paths[f"{BASE}/actions/runs/7/jobs"] = {"jobs": [{"id": 1, "name": "ship", "steps": steps}]}
    found = forge.run("7")
    assert found.steps == [Step("ship: Build", "completed", "success", 41.0)]
    assert (found.attempt, found.updated) == (1, "2026-11-20T15:53:00Z")


def test_a_run_is_started_again_with_one_post(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7/rerun"] = {}
    forge.rerun("7")
    assert answers.posted == [f"{BASE}/actions/runs/7/rerun"]
    answers.paths[f"{BASE}/actions/runs/7/rerun"] = 403
    with pytest.raises(ServiceFailed, match=r"403 \(Told off\)"):
        forge.rerun("7")


def test_a_repository_says_its_numbers_and_when_it_was_made(forge: GitHub, answers: Answers) -> None:
    answers.paths[BASE] = {"id": 34, "owner": {"id": 12}, "private": True, "created_at": "2026-08-01T00:00:00Z"}
    assert forge.home() == Home("12", "34", "2026-08-01T00:00:00Z", private=True)


def test_a_tags_run_is_found_whatever_its_commit(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": [run(7, "0.1.1-dev", "deploy-dev")]}
    assert forge.find_tag_run("0.1.1-dev") == QUEUED
    assert "branch=0.1.1-dev" in answers.asked[0]
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": []}
    assert forge.find_tag_run("0.1.1-dev") is None


def test_runs_that_have_not_ended_are_asked_for_by_each_status_that_is_no_end(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": []}
    assert list(forge.unfinished()) == []
    asked = {path.split("status=")[1].split("&")[0] for path in answers.asked}
    assert asked == {"queued", "in_progress", "pending", "waiting", "requested"}
    answers.paths[f"{BASE}/actions/runs"] = {"workflow_runs": [run(7, "0.1.1-dev", "deploy-dev")]}
    assert forge.unfinished()[0] == QUEUED
    answers.paths[f"{BASE}/actions/runs"] = 502
    with pytest.raises(ServiceFailed, match="502"):
        forge.unfinished()


NONCE = "0123456789abcdef"


def test_notices_are_the_annotations_of_every_job(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7/jobs"] = {"jobs": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}
    answers.paths[f"{BASE}/check-runs/1/annotations"] = []
    begun = {"annotation_level": "notice", "title": f"tagship begins {NONCE}", "message": "", "path": ".github"}
    failed = {"annotation_level": "failure", "title": f"tagship exit 6 {NONCE}", "message": "0.1.1-dev failed"}
    answers.paths[f"{BASE}/check-runs/2/annotations"] = [
        begun,
        failed,
        {"annotation_level": "warning", "title": None, "message": "old"},
    ]
    assert list(forge.notices("7")) == [
        Notice("notice", "tagship begins", ""),
        Notice("failure", "tagship exit 6", "0.1.1-dev failed"),
        Notice("warning", "", "old"),
    ]
    answers.paths[f"{BASE}/check-runs/1/annotations"] = [failed]
    assert forge.notices("7")[0].title == f"(not by tagship) tagship exit 6 {NONCE}", "of another job"


@pytest.mark.parametrize(
    ("runs", "word"),
    [
        ([], "none"),
        ([("completed", "success"), ("completed", "skipped")], "success"),
        ([("completed", "success"), ("in_progress", None)], "pending"),
        ([("completed", "failure"), ("in_progress", None)], "failure"),
        ([("completed", "timed_out")], "failure"),
        ([("completed", "neutral")], "success"),
    ],
)
def test_ci_is_green_when_every_check_ended_well(
    forge: GitHub, answers: Answers, runs: list[tuple[str, str | None]], word: str
) -> None:
    told = [{"status": status, "conclusion": conclusion} for status, conclusion in runs]
    answers.paths[f"{BASE}/commits/{COMMIT}/check-runs"] = {"check_runs": told}
    assert forge.green(COMMIT) == word


def test_a_check_that_failed_counts_on_whatever_page_it_is(forge: GitHub, answers: Answers) -> None:
    path, good = f"{BASE}/commits/{COMMIT}/check-runs", {"status": "completed", "conclusion": "success"}
    answers.paths[f"{path}?per_page=100&page=1"] = {"check_runs": [good] * 100}
    answers.paths[f"{path}?per_page=100&page=2"] = {"check_runs": [good, {**good, "conclusion": "failure"}]}
    assert forge.green(COMMIT) == "failure"


@pytest.mark.parametrize(
    ("status", "headers", "remedy"),
    [
        (403, {"X-RateLimit-Remaining": "0"}, "Wait until the limit is reset (gh api /rate_limit says when)"),
        (429, {"Retry-After": "90"}, "Wait 2 min"),
        (502, {}, "Wait a minute"),
    ],
)
def test_who_has_to_wait_is_not_sent_to_look_at_a_token(
    forge: GitHub, answers: Answers, status: int, headers: dict[str, str], remedy: str
) -> None:
    answers.paths[f"{BASE}/actions/runs/7"], answers.headers = status, headers
    with pytest.raises(ServiceFailed) as told:
        forge.run("7")
    assert len(answers.asked) == 1, "it is not asked again in silence"
    assert told.value.remedy == f"{remedy}, then run the same command again"


def test_a_page_of_a_proxys_with_a_good_status_is_no_answer(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7"], answers.html = {}, True
    with pytest.raises(ServiceFailed, match="GitHub's answer cannot be read"):
        forge.run("7")
    answers.paths[f"{BASE}/pulls/51"] = {}
    with pytest.raises(ServiceFailed, match="GitHub's answer cannot be read"):
        forge.pull_request(51)


@pytest.mark.parametrize(
    ("status", "words"), [(401, "does not accept the token"), (403, "403"), (404, r"404 \(Told off\)")]
)
def test_a_refusal_is_told_in_githubs_words(forge: GitHub, answers: Answers, status: int, words: str) -> None:
    answers.paths[f"{BASE}/actions/runs/7"] = status
    with pytest.raises(ServiceFailed, match=words) as told:
        forge.run("7")
    assert "gh auth" in told.value.remedy
    assert "secret" not in f"{told.value.what}{told.value.remedy}{told.value.evidence}"


def test_a_page_of_a_proxys_is_told_by_its_status_alone(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7"] = 502
    answers.html = True
    with pytest.raises(ServiceFailed, match=r"^GitHub answered 502\.$"):
        forge.run("7")


def test_a_repository_that_was_renamed_is_followed(forge: GitHub, answers: Answers) -> None:
    answers.paths[f"{BASE}/actions/runs/7"] = "/repositories/1/actions/runs/7"
    answers.paths["/repositories/1/actions/runs/7"] = run(7, "0.1.1-dev", "deploy-dev")
    answers.paths[f"{BASE}/actions/runs/7/jobs"] = {"jobs": []}
    assert forge.run("7").id == "7"
    assert set(answers.tokens) == {"token secret"}


def test_a_redirect_to_another_host_takes_no_token_along(forge: GitHub, answers: Answers, url: str) -> None:
    elsewhere = url.replace("127.0.0.1", "localhost")
    answers.paths[f"{BASE}/commits/{COMMIT}/check-runs"] = f"{elsewhere}/other"
    answers.paths["/other"] = {"check_runs": []}
    assert forge.green(COMMIT) == "none"
    assert answers.tokens == ["token secret", ""]


def test_the_token_wins_over_netrc(url: str, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password hers\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    made = connect("acme/hello", url, "secret")
    assert made is not None
    answers.paths[f"{BASE}/commits/{COMMIT}/check-runs"] = {"check_runs": []}
    assert made.green(COMMIT) == "none"
    assert answers.tokens == ["token secret"]


def test_a_sandbox_that_is_down_is_called_by_its_name() -> None:
    made = connect("sandbox/hello", "http://127.0.0.1:9", "sandbox", sandbox=True)
    assert made is not None
    with pytest.raises(ServiceFailed, match="The sandbox does not answer: it is down") as told:
        made.run("7")
    assert told.value.remedy == "Start it again: inv sandbox up"


def test_a_github_out_of_reach_is_a_service_that_failed() -> None:
    made = connect("acme/hello", "http://127.0.0.1:9", "secret")
    assert made is not None
    with pytest.raises(ServiceFailed, match="cannot be reached"):
        made.find_run(COMMIT, "0.1.1-dev")


# -- the token --------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_gh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH where the only `gh` is one that a test writes."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def write_gh(folder: Path, script: str) -> None:
    (folder / "gh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "gh").chmod(0o755)


def test_without_a_token_or_off_github_there_is_no_forge(no_gh: Path) -> None:
    write_gh(no_gh, "exit 1")
    assert connect("git@github.com:acme/hello.git") is None
    token = {"GITHUB_TOKEN": "secret"}
    assert connect("/srv/git/hello.git", variables=token) is None
    made = connect("git@github.com:acme/hello.git", variables=token)
    assert made is not None
    assert made.where == "https://github.com/acme/hello/actions"


def test_the_token_comes_from_the_environment_else_from_gh(no_gh: Path) -> None:
    write_gh(no_gh, 'echo "gh of $4"')
    assert find_token("github.com", {}) == "gh of github.com"
    assert find_token("github.com", {"GH_TOKEN": "second"}) == "second"
    assert find_token("github.com", {"GH_TOKEN": "second", "GITHUB_TOKEN": "first"}) == "first"


def test_githubs_token_is_sent_to_no_other_host(no_gh: Path) -> None:
    write_gh(no_gh, "exit 1")
    tokens = {"GITHUB_TOKEN": "secret"}
    assert find_token("github.com.evil.example", tokens) == ""
    assert connect("https://github.com.evil.example/acme/hello", variables=tokens) is None
    tokens["GH_ENTERPRISE_TOKEN"] = "ours"
    assert find_token("git.acme.example", tokens) == ""
    tokens["GH_HOST"] = "git.acme.example"
    assert find_token("git.acme.example", tokens) == "ours"


# -- environments ------------------------------------------------------------------------------------------------------

DEV = f"{BASE}/environments/dev"
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


@pytest.mark.parametrize(
    ("environment", "protection"),
    [
        ({"name": "dev"}, Protection()),
        ({"name": "dev", "deployment_branch_policy": None, "protection_rules": []}, Protection()),
        (
            {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}},
            Protection(("protected branches",)),
        ),
        (
            {"deployment_branch_policy": CUSTOM, "protection_rules": [{"type": "required_reviewers"}]},
            Protection(("tag *-dev", "branch main"), reviewed=True),
        ),
        (
            {"deployment_branch_policy": CUSTOM, "protection_rules": [{"type": "wait_timer"}]},
            Protection(("tag *-dev", "branch main")),
        ),
    ],
)
def test_what_keeps_an_environment_is_read(
    forge: GitHub, answers: Answers, environment: dict[str, Any], protection: Protection
) -> None:
    """Answers are of the shapes that GitHub's pages on deployment environments and branch policies show."""
    answers.paths[DEV] = environment
    answers.paths[f"{DEV}/deployment-branch-policies"] = {
        "total_count": 2,
        "branch_policies": [{"id": 1, "name": "*-dev", "type": "tag"}, {"id": 2, "name": "main"}],
    }
    assert forge.gate("dev") == protection


def test_an_environment_that_is_not_there_is_none_and_a_refusal_is_an_error(forge: GitHub, answers: Answers) -> None:
    assert forge.gate("dev") is None
    answers.paths[DEV] = 403
    with pytest.raises(ServiceFailed, match=r"403 \(Told off\)"):
        forge.gate("dev")
