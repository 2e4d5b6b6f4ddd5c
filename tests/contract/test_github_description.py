"""What tagship asks of GitHub, and how it reads the answers, held to GitHub's published description of its API.

tests/data/github has the part of it. Each request of the adapters is judged: the operation is there, its query and its
body are as described. So are the sandbox's answers, field by field: a sandbox that answers otherwise proves nothing.
What this doesn't notice: rules that no schema has, such as which tokens may set a check run.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from jsonschema import Draft202012Validator

from tagship.adapters.github import GitHub
from tagship.adapters.github_board import GitHubBoard
from tagship.adapters.github_client import Client
from tagship.domain.news import NOT_DEPLOYED, News, Stage
from tagship.sandbox import web
from tagship.sandbox.actions.board import Board as Pages

DESCRIPTION = json.loads((Path(__file__).parents[1] / "data/github/openapi.json").read_bytes())["operations"]
COMMIT, DIGEST = "c" * 40, "sha256:" + "d" * 64
RUN = "https://github.com/acme/hello/actions/runs/7"
STAGES = (Stage("build", "success"), Stage("ship", "failure"), Stage("tested", "cancelled"))
GOOD = News("d-1", "hello", "dev", "1.4.0", COMMIT, "healthy", "It serves.", RUN, "https://x.example", stages=STAGES)
BAD = replace(GOOD, id="d-2", state="rolled-back", headline="It failed.", evidence="boom")


PULL = {"number": 5, "state": "closed", "user": {"login": "dependabot[bot]"}, "head": {"sha": COMMIT}}
BY_GITHUB = {"committer": {"login": "web-flow"}, "commit": {"verification": {"verified": True}}}


def operation(method: str, path: str) -> tuple[str, Any]:
    """The operation of a request: the one with the most fixed words."""
    patterns = {
        name: re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name.partition(" ")[2]))
        for name in DESCRIPTION
        if name.startswith(f"{method} ")
    }
    patterns["GET /git/ref/{ref}"] = "/git/ref/.+"
    fitting = [name for name, pattern in patterns.items() if name.startswith(method) and re.fullmatch(pattern, path)]
    assert fitting, f"GitHub's API has no {method} {path}"
    name = min(fitting, key=lambda one: one.count("{"))
    return name, DESCRIPTION[name]


def open_(schema: Any) -> Any:
    """A schema that leaves out what an answer has beside: the sandbox gives the fields that are read."""
    if isinstance(schema, list):
        return [open_(one) for one in schema]
    return (
        {key: open_(value) for key, value in schema.items() if key != "required"}
        if isinstance(schema, dict)
        else schema
    )


def faults(asked: tuple[str, str, dict[str, str], bytes], status: str, value: Any) -> Iterator[str]:
    """What is wrong with a request, or with an answer to it."""
    method, path, query, body = asked
    name, described = operation(method, path)
    yield from (f"{name} has no parameter {key}" for key in query if key not in described["query"])
    for key, text in query.items():
        choices = described["query"].get(key, {}).get("enum")
        if choices and text not in choices:
            yield f"{name}: {key} is none of {choices}"
    if body and "body" in described:
        yield from (f"{name} takes no such body: {one.message}" for one in _errors(described["body"], json.loads(body)))
        yield from (f"{name} has no field {key}" for key in json.loads(body) if key not in _fields(described["body"]))
    code = status.partition(" ")[0]
    if code.startswith("2") and value is not None:
        if code not in described["answers"]:
            yield f"{name} never answers {code}"
        else:
            wanted = open_(described["answers"][code])
            yield from (f"{name} answers otherwise: {one.message}" for one in _errors(wanted, value))


def _errors(schema: Any, value: Any) -> Iterator[Any]:
    return Draft202012Validator(schema).iter_errors(value)


def _fields(schema: Any) -> set[str]:
    every = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    return {name for one in every for name in one.get("properties", {})}


class Judge:
    """A GitHub that takes nothing that the description has not. `wrong` has what was."""

    def __init__(self, folder: Path) -> None:
        self.pages = Pages(folder / "board.json", lambda: "https://github.com/acme/hello")
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.more: dict[str, Any] = {}  # by path: what the sandbox's runner would answer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/repos/acme/hello")
        body = environ["wsgi.input"].read()
        answer = self.pages.answer(method, path, query, body)
        status, value = answer or (("200 OK", self.more[path]) if path in self.more else ("404 Not Found", {}))
        self.asked.append(operation(method, path)[0])
        self.wrong += faults((method, path, query, body), status, value)
        return web.answer(start_response, status, value)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


@pytest.fixture
def api(judge: Judge) -> Iterator[str]:
    server = web.server(judge)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


TELL: dict[str, Callable[[GitHubBoard], object]] = {
    "a deployment": lambda board: [board.deployment(news) for news in (replace(GOOD, state="started"), GOOD, BAD)],
    "a status": lambda board: [board.status(news) for news in (GOOD, BAD, replace(BAD, state="rollback-failed"))],
    "check runs": lambda board: [board.checks(news) for news in (GOOD, BAD)],
    "an issue": lambda board: [board.issue(news) for news in (BAD, replace(BAD, id="d-3", state=NOT_DEPLOYED), GOOD)],
    "a release": lambda board: [board.release(GOOD) for _ in range(2)],
}


@pytest.mark.parametrize("what", TELL)
def test_what_is_told_is_as_github_describes_its_api(what: str, judge: Judge, api: str) -> None:
    judge.more = {"/git/ref/tags/1.4.0": {"ref": "refs/tags/1.4.0", "object": {"type": "tag", "sha": COMMIT}}}
    TELL[what](GitHubBoard(Client("acme/hello", api, "t")))
    assert judge.wrong == []
    assert any(name.startswith("POST ") for name in judge.asked)


def test_what_is_asked_is_as_github_describes_its_api(judge: Judge, api: str) -> None:
    run = {"id": 7, "html_url": RUN, "status": "completed", "conclusion": "success", "head_branch": "1.4.0"}
    judge.more = {
        "/actions/runs": {"total_count": 1, "workflow_runs": [run]},
        "/actions/runs/7": run,
        "/actions/runs/7/jobs": {"total_count": 1, "jobs": [{"id": 8, "name": "build", "status": "completed"}]},
        "/check-runs/8/annotations": [],
        "/environments/dev": {"id": 1, "name": "dev", "deployment_branch_policy": None, "protection_rules": []},
        "/pulls/5": {"number": 5, "state": "open", "head": {"sha": COMMIT}},
        "/pulls": [],
        f"/commits/{COMMIT}/pulls": [{**PULL, "merge_commit_sha": COMMIT, "merged_at": "2026-11-20T12:00:00Z"}],
        f"/commits/{COMMIT}": {"sha": COMMIT, **BY_GITHUB},
        "/pulls/5/commits": [{"sha": COMMIT, "author": {"login": "dependabot[bot]"}, **BY_GITHUB}],
        f"/commits/{COMMIT}/check-runs": {"total_count": 0, "check_runs": []},
        f"/attestations/{DIGEST}": {"attestations": [{"bundle": {"mediaType": "x"}, "repository_id": 1}]},
        "": {"id": 34, "owner": {"id": 12}, "private": False},
    }
    forge = GitHub("acme/hello", api, "t", "https://github.com/acme/hello/actions")
    forge.find_run(COMMIT, "1.4.0")
    forge.find_tag_run("1.4.0")
    forge.unfinished()
    forge.run("7")
    forge.notices("7")
    forge.gate("dev")
    forge.home()
    forge.pull_request(5)
    forge.open_pull_requests()
    assert forge.author(COMMIT) == "dependabot[bot]"
    forge.green(COMMIT)
    assert forge.attestations(DIGEST) == [{"mediaType": "x"}]
    assert judge.wrong == []


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (("GET", "/issues", {"label": "x"}, b"", "200 OK", []), "GET /issues has no parameter label"),
        (("POST", "/issues", {}, b'{"body": "x"}', "201 Created", {}), "'title' is a required property"),
        (("POST", "/issues", {}, b'{"title": "x", "colour": "red"}', "201 Created", {}), "has no field colour"),
        (("POST", f"/statuses/{COMMIT}", {}, b'{"state": "ok"}', "201 Created", {}), "'ok' is not one of"),
        (("GET", "/issues/1/comments", {}, b"", "200 OK", [{"id": "1"}]), "'1' is not of type 'integer'"),
        (("POST", "/issues", {}, b'{"title": "x"}', "200 OK", {}), "POST /issues never answers 200"),
    ],
)
def test_the_judge_finds_what_is_wrong(request_: tuple[Any, ...], fault: str) -> None:
    assert any(fault in one for one in faults(request_[:4], *request_[4:]))


def test_the_judge_knows_no_path_that_github_does_not() -> None:
    with pytest.raises(AssertionError, match="GitHub's API has no GET /deployment"):
        operation("GET", "/deployment")
