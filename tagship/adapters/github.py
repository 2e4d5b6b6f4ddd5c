"""GitHub Actions through its REST API, each path asked with one request (for unfinished runs, one a status).

https://docs.github.com/rest/actions/workflow-runs. A run that a tag set off has the tag's name as its head_branch.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from tagship.adapters.github_client import OURS, Client
from tagship.domain.annotation import genuine
from tagship.domain.forge import repository_of
from tagship.ports.forge import Home, Notice, Protection, PullRequest, Run, Step

API = "https://api.github.com"
PAGE = 100  # rows, the most that GitHub gives
MOST_COMMITS = 100  # of a pull request that is looked at: a page
GITHUB = "web-flow"  # the account by which GitHub itself commits
UNFINISHED = ("queued", "in_progress", "pending", "waiting", "requested")
BAD = frozenset({"failure", "timed_out", "cancelled", "action_required", "startup_failure", "stale"})


def connect(
    repository_or_url: str,
    base_url: str | None = None,
    token: str | None = None,
    *,
    sandbox: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> GitHub | None:
    """Connect to GitHub by URL or owner/name; None without a token.

    None for another forge's URL, too.
    """
    repository = repository_of(repository_or_url)
    if repository is None:
        return None
    host, name = repository
    found_token = token or find_token(host, variables)
    if not found_token:
        return None
    api = base_url or (API if host == "github.com" else f"https://{host}/api/v3")
    return GitHub(
        name, api, found_token, f"https://{host}/{name}/actions" if base_url is None else f"{base_url}/{name}", sandbox
    )


def find_token(host: str, variables: Mapping[str, str]) -> str:
    """Find a token for the host: in the environment, else from `gh`.

    GitHub's own token is sent to GitHub alone, and an enterprise's only to the host that GH_HOST names.
    """
    names: tuple[str, ...] = ()
    if host == "github.com":
        names = ("GITHUB_TOKEN", "GH_TOKEN")
    elif host == variables.get("GH_HOST", "").lower():
        names = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    for name in names:
        if variables.get(name):
            return variables[name]
    try:
        command = ["gh", "auth", "token", "--hostname", host]
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


class GitHub:
    """One repository's runs."""

    def __init__(self, name: str, api: str, token: str, where: str, sandbox: bool = False) -> None:
        self._client = Client(name, api, token, sandbox)
        self._where = where

    @property
    def client(self) -> Client:
        return self._client

    @property
    def where(self) -> str:
        return self._where

    def find_run(self, commit: str, tag: str) -> Run | None:
        """Find the tag's run; prefer a workflow that tagship names."""
        runs = self._get(f"/actions/runs?head_sha={commit}&per_page=100")["workflow_runs"]
        tag_runs = [run for run in runs if run.get("head_branch") == tag]
        best = max(tag_runs, key=lambda run: _likeness(run, tag), default=None)  # the newest, which comes first
        return _run(best) if best else None

    def find_tag_run(self, tag: str) -> Run | None:
        runs = self._get(f"/actions/runs?branch={quote(tag, safe='')}&per_page=1")["workflow_runs"]
        return _run(runs[0]) if runs else None

    def unfinished(self) -> Sequence[Run]:
        return [
            _run(run)
            for status in UNFINISHED
            for run in self._get(f"/actions/runs?status={status}&per_page=30")["workflow_runs"]
        ]

    def rerun(self, run_id: str) -> None:
        self._client.ask("POST", f"/actions/runs/{run_id}/rerun")

    def run(self, run_id: str) -> Run:
        """Read the run and its jobs' steps, in the order they run."""
        answer = self._get(f"/actions/runs/{run_id}")
        return _run(answer, [step for job in self._jobs(run_id) for step in _steps(job)])

    def notices(self, run_id: str) -> Sequence[Notice]:
        """Read what the steps reported: the annotations of every job."""
        annotations = [self._get(f"/check-runs/{job['id']}/annotations?per_page=100") for job in self._jobs(run_id)]
        return [notice for notes in annotations for notice in _notices(notes)]

    def gate(self, environment: str) -> Protection | None:
        """Read an environment and its policies.

        https://docs.github.com/rest/deployments/environments and /rest/deployments/branch-policies.
        """
        path = f"/environments/{quote(environment, safe='')}"
        answer = self._maybe(path)
        if answer is None:
            return None
        policy, rules = answer.get("deployment_branch_policy"), answer.get("protection_rules") or ()
        reviewed = any(rule.get("type") == "required_reviewers" for rule in rules)
        if not policy:
            return Protection((), reviewed)
        if not policy.get("custom_branch_policies"):
            return Protection(("protected branches",), reviewed)
        policies = self._get(f"{path}/deployment-branch-policies?per_page=100")["branch_policies"]
        return Protection(tuple(f"{policy.get('type', 'branch')} {policy['name']}" for policy in policies), reviewed)

    def home(self) -> Home:
        """Read the repository: https://docs.github.com/rest/repos/repos."""
        answer = self._get("")
        owner, created = answer["owner"], str(answer.get("created_at") or "")
        return Home(str(owner["id"]), str(answer["id"]), created, bool(answer.get("private")))

    def pull_request(self, number: int) -> PullRequest:
        """Read a pull request: https://docs.github.com/rest/pulls/pulls."""
        answer = self._maybe(f"/pulls/{number}")
        return PullRequest("missing") if answer is None else PullRequest(answer["state"], answer["head"]["sha"])

    def open_pull_requests(self) -> Sequence[int]:
        numbers: list[int] = []
        for page in itertools.count(1):
            rows = self._get(f"/pulls?state=open&per_page=100&page={page}")
            numbers += [int(row["number"]) for row in rows]
            if len(rows) < PAGE:
                break
        return numbers

    def author(self, commit: str) -> str:
        """Read the pull request of a commit: https://docs.github.com/rest/commits/commits.

        Who may push to the repository may add to anybody's pull request, and may push a merge of it with more in it: so
        every commit has to be its author's, and GitHub has to have made and signed each, and the merge.
        """
        pulls = self._get(f"/commits/{commit}/pulls?per_page=100")
        merged = [pull for pull in pulls if pull.get("merge_commit_sha") == commit and pull.get("merged_at")]
        if len(merged) != 1 or not _is_by_github(self._get(f"/commits/{commit}")):
            return ""
        login = str(merged[0]["user"]["login"])
        commits = self._get(f"/pulls/{merged[0]['number']}/commits?per_page={MOST_COMMITS}")
        alone = all(_is_by_github(made) and _login(made, "author") == login for made in commits)
        return login if alone and 0 < len(commits) < MOST_COMMITS else ""

    def attestations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """Read the newest: https://docs.github.com/rest/repos/attestations."""
        answer = self._maybe(f"/attestations/{quote(digest, safe=':')}?per_page=100")
        rows = answer["attestations"] if answer else ()
        return [row["bundle"] for row in rows if isinstance(row.get("bundle"), Mapping)]

    def green(self, commit: str) -> str:
        # How its deployments went says nothing of the commit's tests.
        runs = [run for run in self._check_runs(commit) if not str(run.get("name", "")).startswith(OURS)]
        if any(run.get("conclusion") in BAD for run in runs):
            return "failure"
        if any(run.get("status") != "completed" for run in runs):
            return "pending"
        return "success" if runs else "none"

    def _check_runs(self, commit: str) -> Iterator[dict[str, Any]]:
        return self._every(f"/commits/{commit}/check-runs", "check_runs")

    def _jobs(self, run_id: str) -> list[dict[str, Any]]:
        return list(self._every(f"/actions/runs/{run_id}/jobs", "jobs"))

    def _every(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        """Read page after page."""
        # The one that failed may be on the last.
        for page in itertools.count(1):
            rows = self._get(f"{path}?per_page={PAGE}&page={page}")[key]
            yield from rows
            if len(rows) < PAGE:
                return

    def _get(self, path: str) -> Any:
        return self._client.read("GET", path)

    def _maybe(self, path: str) -> Any:
        """Ask for what may not be there; None if it is not."""
        return self._client.read("GET", path, absent=True)


def _login(made: Mapping[str, Any], role: str) -> str:
    """Name a commit's author or committer; empty if GitHub knows no account."""
    return str((made.get(role) or {}).get("login", ""))


def _is_by_github(made: Mapping[str, Any]) -> bool:
    """Tell whether GitHub itself made and signed a commit.

    What is written there of its author is anybody's to choose.
    """
    verified = made.get("commit", {}).get("verification", {}).get("verified") is True
    return verified and _login(made, "committer") == GITHUB


def _notices(notes: Sequence[Mapping[str, Any]]) -> list[Notice]:
    """Read one job's annotations; those that claim to be ours are checked."""
    titles = genuine([str(note.get("title") or "") for note in notes])
    return [
        Notice(str(note.get("annotation_level")), title, str(note.get("message") or ""))
        for note, title in zip(notes, titles, strict=True)
    ]


def _likeness(run: Mapping[str, Any], tag: str) -> int:
    """Rate how a run's workflow is called.

    A team may have a deployment of its own beside tagship's, which a push starts too.
    """
    name = f"{run.get('path', '')} {run.get('name', '')}".lower()
    channel = tag.rpartition("-")[2]
    likely = ("tagship", f"deploy-{channel}", "deploy")
    return next((len(likely) - place for place, words in enumerate(likely) if words in name), 0)


def _run(answer: Mapping[str, Any], steps: Sequence[Step] = ()) -> Run:
    return Run(
        id=str(answer["id"]),
        url=str(answer["html_url"]),
        state=str(answer["status"]),
        conclusion=str(answer.get("conclusion") or ""),
        steps=steps,
        attempt=int(answer.get("run_attempt") or 1),
        updated=str(answer.get("updated_at") or ""),
        ref=str(answer.get("head_branch") or ""),
        name=str(answer.get("name") or ""),
    )


def _steps(job: Mapping[str, Any]) -> list[Step]:
    """List a job's steps, named with their job."""
    # A job that has none yet is a step itself.
    steps = [
        Step(f"{job['name']}: {step['name']}", str(step["status"]), str(step.get("conclusion") or ""), _seconds(step))
        for step in job.get("steps") or ()
    ]
    return steps or [Step(str(job["name"]), str(job["status"]), str(job.get("conclusion") or ""), _seconds(job))]


def _seconds(timed: Mapping[str, Any]) -> float | None:
    """Return how many seconds a step took; None until it ended."""
    # By GitHub's clock.
    began, ended = timed.get("started_at"), timed.get("completed_at")
    if not began or not ended:
        return None
    return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds())
