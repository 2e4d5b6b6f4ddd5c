"""Events beside a pushed tag start runs; jobs wait in groups and for approvals; a fork gets no credential."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.actions import events
from tagship.sandbox.actions.approvals import Approvals
from tagship.sandbox.actions.events import Event
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.groups import Groups
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.runner import Runner
from tests.sandbox.conftest import git, repository, until

SHIP = """\
name: ship
on:
  push: {branches: [main], paths: ["app/**", "!app/*.md"]}
  workflow_dispatch:
    inputs:
      environment: {required: true, type: choice, options: [dev, prod]}
      version: {default: newest}
jobs:
  approve:
    runs-on: ubuntu-24.04
    environment: prod-approval
    steps: [{run: "echo approved"}]
  ship:
    needs: approve
    runs-on: ubuntu-24.04
    environment: {name: "${{ inputs.environment || 'dev' }}"}
    concurrency: {group: "ship-${{ inputs.environment || 'dev' }}", queue: max}
    steps:
      - run: |
          echo "$GITHUB_EVENT_NAME ${{ inputs.version }}" && test -s "$GITHUB_EVENT_PATH"
          mkdir -p "$HOLD/$GITHUB_RUN_ID"
          while [ -e "$HOLD/stop" ]; do sleep 0.05; done
        env: {HOLD: "FOLDER"}
"""
AFTER = """\
name: after
on:
  workflow_run: {workflows: [ship], types: [completed], branches: [main]}
jobs:
  only:
    runs-on: ubuntu-24.04
    environment: dev
    steps:
      - run: test "${{ github.event.workflow_run.conclusion }}" = success
      - run: test "$GITHUB_REF" = refs/heads/main
"""
PULLS = """\
name: preview
on: {pull_request: {types: [opened, closed]}}
permissions: {id-token: write}
jobs:
  only:
    runs-on: ubuntu-24.04
    environment: preview
    steps:
      - uses: actions/checkout@v7
      - run: test "$(cat app/a)" = "of a branch" && test "$GITHUB_HEAD_REF" = feature
      - uses: aws-actions/configure-aws-credentials@v6
        with: {aws-region: eu-west-1, role-to-assume: arn}
"""
TESTS = "name: tests\non: {push: {branches: [main]}}\njobs: {a: {runs-on: x, strategy: {}, steps: []}}\n"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A runner on a bare origin, with the four workflows above."""
    ship = SHIP.replace("FOLDER", str(tmp_path / "hold"))
    files = {"ship": ship, "after": AFTER, "preview": PULLS, "tests": TESTS}
    work = repository(tmp_path / "work", {f".github/workflows/{name}.yml": text for name, text in files.items()})
    folder = tmp_path / ".tagship/sandbox"
    for name in ("inbox", "runs"):
        (folder / name).mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(folder / "origin.git"))
    git(work, "remote", "add", "origin", str(folder / "origin.git"))
    (tmp_path / "hold").mkdir()
    made = Runner(folder, "sandbox/tiny")
    made.start("http://127.0.0.1:9", "token")
    yield made
    made.stop()


def ended(runner: Runner, name: str, count: int = 1) -> list[RunRecord]:
    def look() -> list[RunRecord]:
        runs = [run for run in runner.records.runs if run.name == name and run.status == "completed"]
        return runs if len(runs) >= count else []

    return list(until(look))


def waits(runner: Runner, count: int = 1) -> list[RunRecord]:
    """The runs whose approval is waited for."""

    def look() -> list[RunRecord]:
        runs = [run for run in runner.records.runs if runner.approvals.pending(run.id)]
        return runs if len(runs) == count else []

    return list(until(look))


def commit(runner: Runner, path: str, text: str, branch: str = "main") -> tuple[str, str]:
    """Commit and push a file; the branch's commits before and after."""
    work = runner.folder.parents[1] / "work"
    git(work, "checkout", "--quiet", "-B", branch)
    before = git(work, "rev-parse", "HEAD")
    (work / path).parent.mkdir(exist_ok=True)
    (work / path).write_text(text)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", f"Change {path}")
    git(work, "push", "--quiet", "origin", branch)
    return before, git(work, "rev-parse", "HEAD")


def log(runner: Runner, run: RunRecord, job: str = "ship") -> str:
    return (runner.folder / "runs" / str(run.id) / job / "1.log").read_text()


def test_a_pushed_branch_starts_what_deploys_by_its_paths_and_its_end_starts_what_listens(runner: Runner) -> None:
    for path in ("README", "app/notes.md"):
        before, after = commit(runner, path, "x")
        runner.pushed([(before, after, "refs/heads/main")])
    assert runner.records.runs == []
    before, after = commit(runner, "app/a", "1")
    runner.pushed([(before, after, "refs/heads/main")])
    [run] = ended(runner, "ship")
    assert (run.conclusion, run.event, run.head_sha) == ("success", "push", after)
    [second] = ended(runner, "after")
    assert (second.conclusion, second.event) == ("success", "workflow_run")
    assert {run.name for run in runner.records.runs} == {"ship", "after"}  # tests deploy nothing


def test_a_dispatch_has_its_inputs_and_their_defaults(runner: Runner) -> None:
    assert runner.dispatch("ship.yml", "main", {"environment": "prod"})
    [run] = ended(runner, "ship")
    assert log(runner, run).startswith("workflow_dispatch newest")
    assert not runner.dispatch("after.yml", "main", {})
    assert not runner.dispatch("none.yml", "main", {})
    for given, why in (
        ({}, "Required input 'environment' not provided"),
        ({"environment": "x"}, "not in the list of allowed values"),
        ({"environment": "dev", "who": "me"}, "Unexpected inputs"),
    ):
        with pytest.raises(NotUnderstood, match=why):
            runner.dispatch("ship.yml", "main", given)


def test_an_approval_is_waited_for_outside_the_group_of_a_later_job(runner: Runner, tmp_path: Path) -> None:
    runner.approvals.reviewed.add("prod-approval")
    assert runner.dispatch("ship.yml", "main", {"environment": "prod"})
    [first] = waits(runner)
    assert first.jobs[0].status == "waiting"
    assert runner.dispatch("ship.yml", "main", {"environment": "prod", "version": "second"})
    second = next(run for run in waits(runner, 2) if run is not first)
    assert runner.approvals.answer(second.id, "prod-approval", "approved")
    [run] = ended(runner, "ship")
    assert run is second
    assert runner.approvals.answer(first.id, "prod-approval", "rejected")
    _, run = ended(runner, "ship", 2)
    assert [(job.key, job.conclusion) for job in first.jobs] == [("approve", "failure"), ("ship", "skipped")]
    assert not runner.approvals.answer(first.id, "prod-approval", "approved")


def test_jobs_of_a_group_run_one_at_a_time_in_the_order_they_came(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "hold/stop").touch()
    for _ in range(3):
        assert runner.dispatch("ship.yml", "main", {"environment": "prod"})
        until(lambda: all(run.jobs[0].conclusion for run in runner.records.runs))
    until(lambda: [entry for entry in (tmp_path / "hold").iterdir() if entry.is_dir()])
    assert len([entry for entry in (tmp_path / "hold").iterdir() if entry.is_dir()]) == 1
    (tmp_path / "hold/stop").unlink()
    runs = ended(runner, "ship", 3)
    ordered = sorted(runs, key=lambda run: (tmp_path / "hold" / str(run.id)).stat().st_mtime_ns)
    assert [run.id for run in ordered] == sorted(run.id for run in runs)


def pull(runner: Runner, sha: str, **more: Any) -> dict[str, Any]:
    head = {"ref": "feature", "sha": sha, "repo": {"full_name": more.pop("full_name", "sandbox/tiny")}}
    request = {"number": 7, "head": head, "base": {"ref": "main"}, **more}
    return {"action": "opened", "number": 7, "pull_request": request}


@pytest.mark.parametrize(("owner", "conclusion"), [("sandbox/tiny", "success"), ("mallory/tiny", "failure")])
def test_a_pull_request_runs_its_head_and_a_forks_gets_no_credentials(
    runner: Runner, owner: str, conclusion: str
) -> None:
    _, sha = commit(runner, "app/a", "of a branch", "feature")
    payload = pull(runner, sha, full_name=owner)
    event = {"event": "pull_request", "ref": "refs/pull/7/merge", "actor": "mallory", "payload": payload}
    (runner.folder / "inbox/1.json").write_text(json.dumps(event))
    [run] = ended(runner, "preview")
    assert (run.conclusion, run.head_branch) == (conclusion, "feature")
    if conclusion == "failure":
        [note] = [note for job in run.jobs for note in job.annotations]
        assert "a fork's pull request gets no identity" in note.message


def test_a_merged_pull_request_is_known_by_its_commit(runner: Runner) -> None:
    _, sha = commit(runner, "app/a", "of a branch", "feature")
    payload = pull(runner, sha, merged=True, merge_commit_sha="a" * 40, user={"login": "dependabot[bot]"})
    runner.reported({"event": "pull_request", "ref": "refs/pull/7/merge", "payload": payload | {"action": "closed"}})
    assert runner.pulls["a" * 40]["user"] == {"login": "dependabot[bot]"}


@pytest.mark.parametrize(("changed", "runs"), [("infra/main.tf", True), ("app/a", False)])
def test_a_pull_request_starts_what_listens_to_its_paths(changed: str, runs: bool) -> None:
    text = "on: {pull_request: {paths: ['infra/**']}}\njobs: {a: {environment: x, steps: []}}"
    payload = {"action": "opened", "pull_request": {"base": {"ref": "main"}}}
    assert events.starts(text, Event("pull_request", "refs/pull/1/merge", "c", payload, changed=[changed])) == runs


def test_what_a_filter_is_not_known_to_say_is_an_error() -> None:
    text = "on: {pull_request: {paths-ignore: [x]}}\njobs: {a: {environment: x, steps: []}}"
    with pytest.raises(NotUnderstood, match=r"on\.pull_request\.paths-ignore is not simulated"):
        events.starts(text, Event("pull_request", "refs/pull/1/merge", "c", {"action": "opened"}))


def test_without_a_queue_a_newer_one_takes_the_place_of_who_waits() -> None:
    groups, cancelled = Groups(), list[str]()
    first = groups.enter("Deploy", lambda: cancelled.append("first"), queue=False)
    second = groups.enter("deploy", lambda: cancelled.append("second"), queue=False)
    third = groups.enter("deploy", lambda: cancelled.append("third"), queue=False)
    assert (cancelled, first.turn.is_set(), second.turn.is_set()) == (["second"], True, False)
    groups.leave(second)
    groups.leave(first)
    assert third.turn.is_set()
    groups.leave(third)
    assert groups.enter("", lambda: None, queue=False).turn.is_set()


def test_who_gives_up_waits_for_no_approval() -> None:
    approvals = Approvals({"prod"})
    stop = threading.Event()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(approvals.wait(1, "prod", stop.is_set, list)))
    thread.start()
    until(lambda: approvals.pending(1))
    stop.set()
    thread.join()
    assert answers == [False]
    assert approvals.wait(1, "dev", stop.is_set, list)


def test_who_is_said_to_wait_can_be_answered_by_then() -> None:
    approvals = Approvals({"prod"})
    answered: list[bool] = []
    assert approvals.wait(1, "prod", bool, lambda: answered.append(approvals.answer(1, "prod", "approved")))
    assert answered == [True]


def test_pushes_of_one_second_are_taken_in_the_order_that_they_were_made(runner: Runner) -> None:
    """Their files' names have the second and a number of a process, which may be any."""
    pushes = [commit(runner, "app/a", text) for text in "123"]
    aside = runner.folder / "aside"
    aside.mkdir()
    for (before, after), (name, written) in zip(pushes, {"9-30": 1, "9-4": 2, "9-100": 3}.items(), strict=True):
        (aside / name).write_text(f"{before} {after} refs/heads/main\n")
        os.utime(aside / name, ns=(written, written))
    aside.rename(runner.folder / "inbox")  # which is empty: the runner sees all of them at once
    assert [run.head_sha for run in ended(runner, "ship", 3)] == [after for _, after in pushes]
    ended(runner, "after", 3)


@pytest.mark.parametrize(
    ("on", "started"),
    [
        ("push", False),
        ("[push, pull_request]", False),
        ("{push: {branches: [main]}}", False),
        ("{push: {tags: ['*-dev']}}", True),
        ("{push: {tags: ['v*']}}", False),
        ("{push: {tags-ignore: ['v*']}}", True),
    ],
)
def test_a_tag_starts_what_is_about_tags_and_no_deployment_of_a_teams_own(on: str, started: bool) -> None:
    text = f"on: {on}\njobs:\n  deploy: {{runs-on: ubuntu-24.04, steps: [{{run: make deploy}}]}}\n"
    assert events.starts(text, Event("push", "refs/tags/0.1.0-dev", "a" * 40)) is started
