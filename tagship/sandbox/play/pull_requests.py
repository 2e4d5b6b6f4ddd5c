"""Open, update and close a pull request of the sandbox, as somebody does on GitHub's page."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tagship.domain import commands
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.sandbox.play.practice import git
from tagship.sandbox.state import Running

BEGINS = 10.0  # seconds within which a run begins, if a workflow listens
EVERY = 0.3  # seconds between two looks
ACTIONS = {"": "opened", "open": "synchronize", "closed": "reopened"}  # of a push, by the state before it
RUN = dict[str, Any]


@dataclass(frozen=True)
class PullRequest:
    """A pull request by its number.

    `show` is told each phase as it begins.
    """

    running: Running
    number: str
    show: Callable[[str], None]

    def __post_init__(self) -> None:
        if not (self.number.isascii() and self.number.isdigit() and int(self.number)):
            raise UsageError(
                f"Invalid pull request {self.number!r}: give its number.", remedy=f"Such as: {_typed('51')}"
            )

    def push(self) -> list[str]:
        """Open it with the checked-out branch, or push to it."""
        branch, head = self._branch(), git(self.running.work, "rev-parse", "HEAD")
        state, last = self._asked()
        if (state, last) == ("open", head):
            raise Refused(
                f"Pull request {self.number} is at {head[:8]} already.",
                remedy=f"Commit a change, then: {_typed(self.number)}",
            )
        git(self.running.work, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        first = f"SANDBOX: pull request {self.number} is open, at {head[:8]} of {branch}."
        return [first, *self._happened(ACTIONS[state], head, branch)]

    def close(self) -> list[str]:
        """Close it without merging it."""
        state, head = self._asked()
        if state != "open":
            raise Refused(
                f"Pull request {self.number} is not open.",
                remedy=f"Open it: {_typed(self.number)}",
            )
        first = f"SANDBOX: pull request {self.number} is closed."
        return [first, *self._happened("closed", head, f"pull-{self.number}")]

    def _branch(self) -> str:
        """Name the checked-out branch. Raises Refused if it is the base."""
        branch = git(self.running.work, "branch", "--show-current")
        if branch in ("", self._base):
            raise Refused(
                f"A pull request needs a branch of its own, and {branch or 'no branch'} is checked out.",
                remedy="Switch to one: git switch --create my-change",
            )
        return branch

    @property
    def _base(self) -> str:
        """Name the branch that pull requests are merged into."""
        return git(self.running.origin, "symbolic-ref", "--short", "HEAD")

    def _asked(self) -> tuple[str, str]:
        """Ask for its state and its head; empty if it is new."""
        url = f"{self.running.github_url}/repos/{self.running.repository}/pulls/{self.number}"
        headers = {"Authorization": f"token {self.running.keys.token}"}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                pull = json.load(answer)
        except urllib.error.HTTPError as reason:
            if reason.code == 404:
                return "", ""
            raise
        return str(pull["state"]), str(pull["head"]["sha"])

    def _happened(self, action: str, head: str, branch: str) -> list[str]:
        """Have its event start runs, and wait for their end."""
        before = {run["id"] for run in self._runs(set())}
        base, repository = self._base, {"full_name": self.running.repository}
        pull = {
            "number": int(self.number),
            "state": "closed" if action == "closed" else "open",
            "head": {"ref": branch, "sha": head, "repo": repository},
            "base": {"ref": base, "sha": git(self.running.origin, "rev-parse", base), "repo": repository},
        }
        payload = {"action": action, "number": int(self.number), "pull_request": pull}
        event = {"event": "pull_request", "ref": f"refs/pull/{self.number}/merge", "payload": payload}
        name, inbox = f"{uuid.uuid4()}.json", self.running.folder / "inbox"
        (inbox / f".{name}").write_text(json.dumps(event), "utf-8")
        (inbox / f".{name}").rename(inbox / name)
        return list(self._followed(before))

    def _followed(self, before: set[int]) -> Iterator[str]:
        """Wait for the runs that begin, and word how each ended."""
        # Raises ServiceFailed if one failed.
        self.show("waiting for CI to begin")
        until = time.monotonic() + BEGINS
        while not (began := self._runs(before)) and time.monotonic() < until:
            time.sleep(EVERY)
        if not began:
            yield "No workflow that deploys listens to pull requests; tagship init writes one for [previews]."
        while any(run["status"] != "completed" for run in began):
            self.show(f"{began[-1]['name']}: {_job(began[-1])}")
            time.sleep(EVERY)
            began = self._runs(before)
        if failed := [run for run in began if run["conclusion"] != "success"]:
            raise ServiceFailed(
                f"CI failed for pull request {self.number} ({', '.join(map(_ended, failed))}).",
                state="Its preview is as that run left it.",
                remedy=f"Read the run: {self._page(failed[0])}",
            )
        yield from (f"  {_ended(run)}" for run in began)

    def _page(self, run: RUN) -> str:
        return f"{self.running.github_url}/{self.running.repository}/actions/runs/{run['id']}"

    def _runs(self, before: set[int]) -> list[RUN]:
        """Read the runs of pull requests that are not among `before`."""
        files = sorted((self.running.folder / "runs").glob("*/run.json"))
        runs: list[RUN] = [json.loads(path.read_text("utf-8")) for path in files]
        return [run for run in runs if run["event"] == "pull_request" and run["id"] not in before]


def _typed(number: str) -> str:
    return commands.sandbox("pull-request", number)


def _job(run: RUN) -> str:
    """Name the job that is under way."""
    return next((job["name"] for job in run["jobs"] if job["status"] == "in_progress"), "queued")


def _ended(run: RUN) -> str:
    """Name a run, and how each job of it ended."""
    jobs = [f"{job['name']} {job['conclusion']}" for job in run["jobs"] if job["conclusion"] not in (None, "skipped")]
    return f"{run['name']}: {', '.join(jobs) or run['conclusion']}"
