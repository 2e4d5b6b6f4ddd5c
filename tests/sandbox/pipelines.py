"""A team's repository with the workflows of `init`, in a sandbox whose CI runs them: dev, preprod, prod and staging."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.scaffold.files import ACTION, workflow
from tagship.scaffold.pipelines import of_settings
from tagship.settings import load
from tests.sandbox import shop
from tests.sandbox.conftest import authorized, git, start

BIN = Path(sys.executable).parent
ENVIRONMENTS = ("dev", "preprod", "prod", "staging")
BRANCHES = {"dev": "dev", "preprod": "main", "prod": "main", "staging": "staging"}
PROMOTION = """
[promotion]
order = ["dev", "preprod", "prod"]
"""
HURRIED = "attempts = 4, cap = 1, timeout = 1"
PATIENT = "attempts = 12, cap = 2, timeout = 5"  # on a machine that has more to do, what starts takes its time
SETUP = f"""\
name: tagship
description: The program that runs these tests
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "{BIN}" >>"$GITHUB_PATH"
"""
STALLED = 300.0  # seconds in which no step of any run begins or ends: a loaded machine is slow, and never still


def make(folder: Path) -> Path:
    """The repository, with every workflow that `init` writes for its settings."""
    shop.make(folder, list(ENVIRONMENTS), head=shop.HEAD_WITH_KEYS + PROMOTION)
    text = (folder / "tagship.toml").read_text()
    text = text.replace(HURRIED, PATIENT).replace("ec2.timeout = 30", "ec2.timeout = 7200")
    for name, branch in BRANCHES.items():
        table = f"[environments.{name}]\n"
        text = text.replace(f'{table}branch = "main"', f'{table}branch = "{branch}"')
    (folder / "tagship.toml").write_text(text)
    (folder / ACTION).mkdir(parents=True)
    (folder / ACTION / "action.yml").write_text(SETUP)
    workflows = dict(of_settings(load(folder / "tagship.toml", {}), ACTION).files())
    workflows["deploy-dev.yml"] = workflow("dev", "dev")
    for name, content in workflows.items():
        (folder / ".github/workflows" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / ".github/workflows" / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Ship by pipelines")
    return folder


@dataclass
class Team:
    """People at work on that repository."""

    root: Path
    running: Running
    repository: str = "sandbox/hello"

    @classmethod
    @contextmanager
    def at_work(cls, folder: Path, *protected: str) -> Iterator[Self]:
        """A team in a running sandbox, in UTC; deployments to what is protected wait for a review."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "UTC")
            team = cls.begin(folder)
            for environment in protected:
                team.protect(environment)
            yield team
        lifecycle.down(team.root)

    @classmethod
    def begin(cls, folder: Path) -> Self:
        root = make(folder)
        team = cls(root, start(root))
        git(team.work, "branch", "staging", "main")
        git(team.work, "push", "--quiet", "origin", "staging")  # a branch's first push starts nothing
        return team

    @property
    def work(self) -> Path:
        return self.running.folder / "work"

    def place(self, environment: str) -> shop.Shop:
        return shop.Shop(self.root, self.running, environment)

    def serving(self, environment: str) -> str:
        [version] = self.place(environment).serving()
        return version

    # -- what they do --------------------------------------------------------------------------------------------------

    def commit(self, greeting: str, branch: str = "main", *, push: bool = True, **config: object) -> str:
        """Commit to a branch and push it; the commit."""
        git(self.work, "checkout", "--quiet", branch)
        said = {"greeting": greeting, "healthy": True, **config}
        (self.work / "examples/hello/hello.json").write_text(json.dumps(said))
        git(self.work, "commit", "--quiet", "--allow-empty", "--all", "-m", f"Say {greeting}")
        if push:
            self.push(branch)
        return git(self.work, "rev-parse", "HEAD")

    def push(self, branch: str = "main") -> None:
        git(self.work, "push", "--quiet", "origin", branch)

    def tag(self, version: str, branch: str = "dev") -> None:
        self.commit(version, branch)
        git(self.work, "tag", "-a", version, "-m", version)
        git(self.work, "push", "--quiet", "origin", f"refs/tags/{version}")

    def dispatch(self, file: str, **inputs: str) -> None:
        self.ask("POST", f"/actions/workflows/{file}/dispatches", {"ref": "main", "inputs": inputs})

    def report(self, event: str, payload: dict[str, Any], ref: str = "refs/heads/main") -> None:
        """Have something happen that no push and no API's call is."""
        value = {"event": event, "ref": ref, "actor": "mallory", "payload": payload}
        inbox = self.running.folder / "inbox"
        (inbox / ".partial").write_text(json.dumps(value))
        (inbox / ".partial").rename(inbox / f"{uuid.uuid4()}.json")
        self.until(lambda: not list(inbox.glob("*.json")))

    def report_merge(self, commit: str, author: str = "dependabot[bot]", pushed_by: Sequence[str] = ()) -> None:
        """Say whose pull request was merged as a commit, and who else pushed to it."""
        head = {"ref": "bot/x", "sha": commit, "repo": {"full_name": "sandbox/hello"}}
        pull = {"merged": True, "merged_at": "2026-11-20T12:00:00Z", "merge_commit_sha": commit, "head": head}
        pull |= {"base": {"ref": "main"}, "user": {"login": author}, "pushed_by": [*pushed_by]}
        pull["number"] = int(commit[:6], 16)  # another one for each
        self.report("pull_request", {"action": "closed", "pull_request": pull}, "refs/pull/7/merge")

    def report_ci(self, **changes: object) -> None:
        """Say that CI ended for the latest commit of main."""
        run = {"name": "ci", "conclusion": "success", "event": "push", "head_branch": "main"}
        run |= {"head_sha": git(self.work, "rev-parse", "main"), "head_repository": {"full_name": "sandbox/hello"}}
        self.report("workflow_run", {"action": "completed", "workflow_run": run | changes})

    def hold(self, environment: str, version: str) -> Callable[[], None]:
        """Have an environment's host wait before it fetches a version; call what is returned to let it go on.

        So a test says what happens during a deployment, and no clock does: what a host fetches has no time limit.
        """
        [host] = self.place(environment).hosts
        program, itself, gate = host.root / "bin/aws", host.root / "bin/aws-itself", host.root / f"gate-{version}"
        program.rename(itself)
        waits = f"while [ ! -e {gate} ]; do touch {gate}.reached; sleep 0.1; done"
        program.write_text(f'#!/bin/sh\ncase "$*" in *{version}*) {waits} ;; esac\nexec {itself} "$@"\n')
        program.chmod(0o755)
        return gate.touch

    def reached(self, environment: str, version: str) -> None:
        """Wait until an environment's host wants a version that it is held from."""
        [host] = self.place(environment).hosts
        self.until((host.root / f"gate-{version}.reached").exists)

    def protect(self, environment: str) -> None:
        self.ask("PUT", f"/environments/{environment}", {"reviewers": [{"type": "User", "id": 1}]})

    def review(self, run: dict[str, Any], state: str = "approved") -> None:
        path = f"/actions/runs/{run['id']}/pending_deployments"
        names = [pending["environment"]["id"] for pending in self.ask("GET", path)]
        assert names
        self.ask("POST", path, {"environment_ids": names, "state": state, "comment": ""})

    # -- what they see -------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, value: object = None) -> Any:
        url = f"{self.running.github_url}/repos/{self.repository}{path}"
        data = None if value is None else json.dumps(value).encode()
        with urllib.request.urlopen(authorized(self.running, url, method=method, data=data)) as answer:
            return json.loads(answer.read() or b"null")

    def runs(self, name: str, **only: str) -> list[dict[str, Any]]:
        """The runs of a workflow, oldest first."""
        runs = self.ask("GET", "/actions/runs?per_page=100")["workflow_runs"][::-1]
        return [run for run in runs if run["name"] == name and all(run[key] == text for key, text in only.items())]

    def ended(self, name: str, count: int = 1, **only: str) -> list[dict[str, Any]]:
        """Wait for so many runs to have ended; all of them."""

        def look() -> list[dict[str, Any]]:
            runs = self.runs(name, **only)
            return runs if len([run for run in runs if run["status"] == "completed"]) >= count else []

        return list(self.until(look))

    def complete(self, run: dict[str, Any]) -> dict[str, str]:
        """Wait for a run's end; how its jobs ended."""
        self.until(lambda: self.ask("GET", f"/actions/runs/{run['id']}")["status"] == "completed")
        return self.jobs(run)

    def waiting(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many runs of a workflow wait for an approval; these."""

        def look() -> list[dict[str, Any]]:
            runs = [run for run in self.runs(name) if self.jobs(run).get("approve") == "waiting"]
            return runs if len(runs) >= count else []

        return list(self.until(look))

    def jobs(self, run: dict[str, Any]) -> dict[str, str]:
        """Each job's conclusion, or its status until it has one."""
        return {job["key"]: job["conclusion"] or job["status"] for job in self._jobs(run)}

    def _jobs(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        file = self.running.folder / "runs" / str(run["id"]) / "run.json"
        return json.loads(file.read_text())["jobs"] if file.is_file() else []  # it is listed just before it is written

    def to_approve(self, count: int) -> dict[str, dict[str, Any]]:
        """Wait until so many promotions to prod wait for an approval; each by its version, as the reviewer sees it."""
        runs = self.waiting("deploy-prod", count)
        names = [(job["name"], run) for run in runs for job in self._jobs(run)]
        return {name.removeprefix("Approve "): run for name, run in names if name.startswith("Approve ")}

    def page(self, run: dict[str, Any]) -> str:
        """The run's page, with every log."""
        with urllib.request.urlopen(run["html_url"]) as answer:
            return str(answer.read().decode())

    def outputs(self, run: dict[str, Any], job: str, step: int) -> dict[str, str]:
        text = (self.running.folder / "runs" / str(run["id"]) / job / f"{step}.output").read_text()
        return dict(line.split("=", 1) for line in text.splitlines())

    def id_of(self, commit: str) -> str:
        seconds = git(self.work, "log", "-1", "--date=format-local:%Y%m%d-%H%M%S", "--format=%cd", commit)
        return f"{commit[:8]}-{seconds}"

    def until(self, look: Callable[[], Any]) -> Any:
        """Wait until `look` returns something true, and return it.

        However long that takes: it gives up once nothing moves any more, so a slow machine fails no test.
        """
        moved, seen = time.monotonic(), self._movement()
        while not (found := look()):
            now = self._movement()
            moved, seen = (moved, seen) if now == seen else (time.monotonic(), now)
            if time.monotonic() - moved > STALLED:
                raise AssertionError(f"nothing has moved for {STALLED:g} s; it did not happen: {self._standing()}")
            time.sleep(0.05)
        return found

    def _movement(self) -> int:
        """When a run's record last changed: with each step that begins or ends."""
        return max((file.stat().st_mtime_ns for file in (self.running.folder / "runs").glob("*/run.json")), default=0)

    def _standing(self) -> str:
        runs = self.ask("GET", "/actions/runs?per_page=100")["workflow_runs"]
        return "; ".join(f"{run['name']} {run['head_sha'][:8]} {run['conclusion'] or self.jobs(run)}" for run in runs)
