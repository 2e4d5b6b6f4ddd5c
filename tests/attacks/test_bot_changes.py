"""What goes to production without an approval is a bot's, and nobody else's: by GitHub's word, over its API.

The API is the sandbox's, with rows of a test's own. tests/contract/test_github_description.py holds both to GitHub's
published description. What neither notices: that GitHub signs what Dependabot commits, and what it merges by button.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tagship.adapters.github import GitHub
from tagship.domain.trigger import BOT
from tagship.sandbox import web

COMMIT, HEAD = "c" * 40, "d" * 40
GITHUB = {"committer": {"login": "web-flow"}, "commit": {"verification": {"verified": True}}}
BOTS = {"sha": HEAD, "author": {"login": BOT}, **GITHUB}
PULL = {"number": 7, "merged_at": "2026-11-20T12:00:00Z", "merge_commit_sha": COMMIT, "user": {"login": BOT}}
MERGE = {"sha": COMMIT, "author": {"login": "ada"}, **GITHUB}
MALLORY = {"login": "mallory"}
UNSIGNED = {"commit": {"verification": {"verified": False}}}
SIGNED_BY_HER = {"committer": MALLORY, "commit": {"verification": {"verified": True}}}


@pytest.fixture
def rows() -> dict[str, Any]:
    """What GitHub answers, by path: a pull request of Dependabot's alone, merged by GitHub."""
    return {f"/commits/{COMMIT}/pulls": [PULL], f"/commits/{COMMIT}": MERGE, "/pulls/7/commits": [BOTS]}


@pytest.fixture
def forge(rows: dict[str, Any]) -> Iterator[GitHub]:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"].removeprefix("/repos/acme/hello")
        return web.answer(start_response, *(("200 OK", rows[path]) if path in rows else ("404 Not Found", {})))

    server = web.server(application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield GitHub("acme/hello", f"http://127.0.0.1:{server.port}", "t", "https://github.com/acme/hello/actions")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "pushed",
    [
        {"author": MALLORY, **SIGNED_BY_HER},
        {"author": MALLORY, **GITHUB},  # on GitHub's own page
        {"author": {"login": BOT}, **SIGNED_BY_HER},  # who an author is, whoever commits writes
        {"author": {"login": BOT}, "committer": {"login": "web-flow"}, **UNSIGNED},  # and who committed
        {"author": None, "committer": None, **UNSIGNED},
        {},
    ],
)
def test_a_commit_that_somebody_pushed_to_the_bots_pull_request_makes_it_theirs(
    forge: GitHub, rows: dict[str, Any], pushed: Mapping[str, Any]
) -> None:
    assert forge.author(COMMIT) == BOT
    rows["/pulls/7/commits"] = [BOTS, {"sha": "e" * 40, **pushed}]
    assert forge.author(COMMIT) == ""


@pytest.mark.parametrize("merge", [SIGNED_BY_HER, {**GITHUB, **UNSIGNED}, {"committer": None, **UNSIGNED}, {}])
def test_a_merge_that_somebody_made_and_pushed_is_not_the_bots(
    forge: GitHub, rows: dict[str, Any], merge: Mapping[str, Any]
) -> None:
    """GitHub takes a pull request for merged once its head is on the branch, with whatever else is in that merge."""
    rows[f"/commits/{COMMIT}"] = {"sha": COMMIT, "author": {"login": BOT}, **merge}
    assert forge.author(COMMIT) == ""


def test_a_pull_request_of_mallorys_with_the_bots_commit_is_hers(forge: GitHub, rows: dict[str, Any]) -> None:
    rows[f"/commits/{COMMIT}/pulls"] = [{**PULL, "user": MALLORY}]
    assert forge.author(COMMIT) != BOT


@pytest.mark.parametrize("commits", [[], [BOTS] * 100])
def test_a_pull_request_that_is_not_seen_whole_is_nobodys(
    forge: GitHub, rows: dict[str, Any], commits: list[Any]
) -> None:
    rows["/pulls/7/commits"] = commits
    assert forge.author(COMMIT) == ""


@pytest.mark.parametrize(
    "pulls", [[], [PULL, {**PULL, "number": 8}], [{**PULL, "merge_commit_sha": HEAD}], [{**PULL, "merged_at": None}]]
)
def test_a_commit_that_is_no_one_pull_requests_merge_is_nobodys(
    forge: GitHub, rows: dict[str, Any], pulls: list[Any]
) -> None:
    rows[f"/commits/{COMMIT}/pulls"] = pulls
    assert forge.author(COMMIT) == ""
