"""What a token may write on GitHub's pages, tried without writing anything.

Each request lacks something that GitHub requires, so that it can't come to anything: a commit that there is not, an
empty title. GitHub asks whether the token may before it looks at the request: 403 or 404 is a no, 422 is a yes.
https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tagship.adapters.github_client import OURS, Client, refusal
from tagship.errors import ServiceFailed
from tagship.ports.board import COMMENTS

if TYPE_CHECKING:
    from requests import Response

NOWHERE = "0" * 40  # the commit that no repository has
MAY = frozenset({409, 422})
MAY_NOT = frozenset({403, 404})


@dataclass(frozen=True)
class Probe:
    """A request that can't succeed, for a page.

    `permission` is what a job gives its token for it.
    """

    page: str
    path: str
    body: dict[str, object]
    permission: str


PROBES = (
    Probe("deployments", "/deployments", {"ref": NOWHERE, "required_contexts": []}, "deployments: write"),
    Probe("commit statuses", f"/statuses/{NOWHERE}", {"state": "success", "context": f"{OURS}test"}, "statuses: write"),
    Probe("check runs", "/check-runs", {"name": f"{OURS}test", "head_sha": NOWHERE}, "checks: write"),
    Probe("issues", "/issues", {"title": ""}, "issues: write"),
    Probe("releases", "/releases", {"tag_name": ""}, "contents: write"),
)
PULL = "pull-requests: write"


def tried(client: Client, pages: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with each of these pages.

    Empty if the token may write it. Raises ServiceFailed if GitHub does not answer, or does not know the token.
    """
    pages_tried = {probe.page: _wrong(client, probe) for probe in PROBES if probe.page in pages}
    return pages_tried | ({COMMENTS: _comments(client)} if COMMENTS in pages else {})


def _comments(client: Client) -> str:
    """Try an empty comment, on the latest pull request."""
    answer = client.answer("GET", "/pulls?state=all&per_page=1")
    if not answer.ok:
        return _no(answer, PULL)
    rows = answer.json()
    if not rows:
        return "It can't be tried before there is a pull request."
    return _wrong(client, Probe(COMMENTS, f"/issues/{rows[0]['number']}/comments", {"body": ""}, PULL))


def _wrong(client: Client, probe: Probe) -> str:
    response = client.answer("POST", probe.path, probe.body)
    if response.status_code in MAY:
        return ""
    if response.ok:
        raise ServiceFailed(
            f"GitHub took a test of {probe.page} that it should refuse.",
            state="What it created is on GitHub.",
            remedy=f"Look at the repository's {probe.page}, and delete the test",
        )
    return _no(response, probe.permission)


def _no(response: Response, permission: str) -> str:
    """Say why the token may not.

    Raises ServiceFailed if GitHub said something else.
    """
    problem = refusal(response)
    if response.status_code == 401 or response.status_code >= 500:
        raise problem
    return f"{problem.what} The job's token needs {permission}." if response.status_code in MAY_NOT else problem.what
