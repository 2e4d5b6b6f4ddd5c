"""Pushes to the sandbox's origin run the workflow files of the commit that was pushed."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import Refused, ServiceFailed
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import report
from tagship.sandbox.state import Running
from tests.sandbox.conftest import authorized, git, repository, start, until

DEPLOY = """\
name: tiny deploy
on:
  push:
    tags: ["*-dev"]
permissions: {}
concurrency: {group: dev, queue: max, cancel-in-progress: false}
env: {LEVEL: workflow, NAME: "${{ github.ref_name }}"}
jobs:
  one:
    runs-on: ubuntu-24.04
    outputs: {go: "${{ steps.first.outputs.go }}", lines: "${{ steps.first.outputs.lines }}"}
    env: {LEVEL: job}
    steps:
      - uses: actions/checkout@v7
        with: {fetch-depth: 0}
      - uses: ./.github/actions/setup
        id: setup
        with: {word: "${{ github.ref_name }}"}
      - id: first
        name: First
        env: {LEVEL: step, SAID: "${{ steps.setup.outputs.said }}"}
        run: |
          sh step.sh
          echo "$LEVEL $NAME"
          test "$SAID" = "0.1 and $NAME" && test "$BY_SETUP" = yes && test "$(set-up)" = here
          ! command -v tagship && ! command -v inv
          echo "go=true" >>"$GITHUB_OUTPUT"
          printf 'lines<<END\\na\\nb\\nEND\\n' >>"$GITHUB_OUTPUT"
          echo "FROM_FIRST=yes" >>"$GITHUB_ENV"
          mkdir -p "$RUNNER_TEMP/bin"; echo "$RUNNER_TEMP/bin" >>"$GITHUB_PATH"
          printf '#!/bin/sh\\necho mine' >"$RUNNER_TEMP/bin/own"; chmod +x "$RUNNER_TEMP/bin/own"
      - run: test "$FROM_FIRST" = yes && test "$LEVEL" = job && test "$(own)" = mine
      - if: failure()
        run: echo never
  two:
    needs: one
    if: needs.one.outputs.go == 'true'
    runs-on: ubuntu-24.04
    defaults: {run: {shell: bash, working-directory: inner}}
    steps:
      - uses: actions/checkout@v7
      - run: |
          test "$(git rev-list --count HEAD)" = 1
          test "$(basename "$PWD")" = inner
          test "${{ needs.one.outputs.lines }}" = "$(printf 'a\\nb')"
          false | true
  last:
    needs: [one, two]
    if: always()
    runs-on: ubuntu-24.04
    steps:
      - run: |
          echo "two: ${{ needs.two.result }}"
          ! git rev-parse --show-toplevel
"""
SETUP = ".github/actions/setup/action.yml"
ACTION = """\
name: setup
inputs: {word: {default: none}, other: {default: "0.1"}}
outputs: {said: {value: "${{ steps.say.outputs.said }}"}}
runs:
  using: composite
  steps:
    - {id: say, shell: bash, run: 'echo "said=${{ inputs.other }} and ${{ inputs.word }}" >>"$GITHUB_OUTPUT"'}
    - shell: bash
      run: |
        test -f "$GITHUB_ACTION_PATH/action.yml"
        echo BY_SETUP=yes >>"$GITHUB_ENV"
        mkdir -p "$RUNNER_TEMP/set"; echo "$RUNNER_TEMP/set" >>"$GITHUB_PATH"
        printf '#!/bin/sh\\necho here' >"$RUNNER_TEMP/set/set-up"; chmod +x "$RUNNER_TEMP/set/set-up"
    - {if: failure(), shell: bash, run: "echo never"}
    - {shell: bash, run: "exit ${{ github.ref_name == '0.7.0-dev' && 3 || 0 }}"}
    - {if: always(), shell: bash, run: "echo all was done"}
"""
BRANCHES = """\
name: tiny checks
on: {push: {branches: [main, "release/**"]}}
jobs:
  only:
    runs-on: ubuntu-24.04
    steps: [{run: "echo checked"}]
"""


@pytest.fixture(scope="module")
def ci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox whose repository has the two workflows above, and a step.sh that does nothing."""
    workflows = {".github/workflows/deploy.yml": DEPLOY, ".github/workflows/checks.yaml": BRANCHES}
    root = repository(tmp_path_factory.mktemp("ci"), workflows | {"step.sh": "true\n", "inner/file": "", SETUP: ACTION})
    running = start(root)
    yield running
    lifecycle.down(root)
    assert not processes.belonging(running.folder)


def ask(running: Running, path: str) -> Any:
    with urllib.request.urlopen(authorized(running, f"{running.github_url}/repos/sandbox/tiny{path}")) as answer:
        return json.load(answer)


def runs(running: Running, commit: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(running, f"/actions/runs?head_sha={commit}" if commit else "/actions/runs")[
        "workflow_runs"
    ]
    return found


def finished(running: Running, commit: str, count: int = 1) -> list[dict[str, Any]]:
    """The commit's runs of a tag, once that many have ended."""

    def look() -> Any:
        found = [run for run in runs(running, commit) if run["status"] == "completed" and run["head_branch"] != "main"]
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = until(look)
    return found


def jobs(running: Running, run: dict[str, Any]) -> dict[str, Any]:
    return {job["name"]: job for job in ask(running, f"/actions/runs/{run['id']}/jobs")["jobs"]}


def log(running: Running, run: dict[str, Any], job: str, number: int) -> str:
    return (running.folder / "runs" / str(run["id"]) / job / f"{number}.log").read_text()


def notes_on(running: Running, job: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = ask(running, f"/check-runs/{job['id']}/annotations")
    return [(row["annotation_level"], row["title"], row["message"]) for row in rows]


def commit(running: Running, files: dict[str, str]) -> str:
    for name, text in files.items():
        (running.work / name).write_text(text)
    git(running.work, "add", ".")
    git(running.work, "commit", "--quiet", "--allow-empty", "-m", f"Commit at {time.time()}")
    return git(running.work, "rev-parse", "HEAD")


def push(running: Running, *tags: str) -> None:
    for tag in tags:
        git(running.work, "tag", "-a", tag, "-m", tag)
    git(
        running.work,
        "push",
        "--quiet",
        "--atomic",
        "origin",
        "HEAD:refs/heads/dev",
        *(f"refs/tags/{tag}" for tag in tags),
    )


def test_a_tag_runs_its_workflow_from_outputs_to_needs(ci: Running) -> None:
    head = commit(ci, {"step.sh": "true\n"})
    push(ci, "0.1.0-dev")
    (run,) = finished(ci, head)
    found = jobs(ci, run)
    assert {name: job["conclusion"] for name, job in found.items()} == {
        "one": "success",
        "two": "failure",
        "last": "success",
    }
    assert log(ci, run, "one", 3) == "step 0.1.0-dev\n"
    assert "all was done\n" in log(ci, run, "one", 2)
    assert log(ci, run, "last", 1).startswith("two: failure\n")
    assert [step["conclusion"] for step in found["one"]["steps"]] == ["success"] * 4 + ["skipped"]
    assert (run["conclusion"], run["head_branch"], run["path"]) == (
        "failure",
        "0.1.0-dev",
        ".github/workflows/deploy.yml",
    )
    assert notes_on(ci, found["two"]) == [("failure", "", "Process completed with exit code 1.")]  # pipefail


def test_what_a_step_says_becomes_an_annotation(ci: Running) -> None:
    said = (
        "::notice title=tagship exit 0::all%0Ais 100%25 well",
        "::warning file=a,title=W::look",
        "::error::bad",
        "plain ::error::no",
    )
    head = commit(ci, {"step.sh": "".join(f"echo '{line}'\n" for line in said)})
    push(ci, "0.1.1-dev")
    (run,) = finished(ci, head)
    assert notes_on(ci, jobs(ci, run)["one"]) == [
        ("notice", "tagship exit 0", "all\nis 100% well"),
        ("warning", "W", "look"),
        ("failure", "", "bad"),
    ]


def test_an_action_whose_step_fails_fails_and_ends_with_what_always_runs(ci: Running) -> None:
    head = commit(ci, {"step.sh": "true\n"})
    push(ci, "0.7.0-dev")
    (run,) = finished(ci, head)
    job = jobs(ci, run)["one"]
    assert [step["conclusion"] for step in job["steps"]][:3] == ["success", "failure", "skipped"]
    assert notes_on(ci, job) == [("failure", "", "Process completed with exit code 3.")]
    assert "all was done" in log(ci, run, "one", 2)
    assert "never" not in log(ci, run, "one", 2).splitlines()


def test_a_failed_step_skips_what_follows_and_what_needs_it(ci: Running) -> None:
    head = commit(ci, {"step.sh": "exit 7\n"})
    push(ci, "0.1.2-dev")
    (run,) = finished(ci, head)
    found = jobs(ci, run)
    assert {name: job["conclusion"] for name, job in found.items()} == {
        "one": "failure",
        "two": "skipped",
        "last": "success",
    }
    assert [step["conclusion"] for step in found["one"]["steps"]][2:] == ["failure", "skipped", "success"]
    assert "two: skipped" in log(ci, run, "last", 1)


def test_four_tags_at_once_start_nothing_and_three_do(ci: Running) -> None:
    head = commit(ci, {"step.sh": "true\n"})
    push(ci, "0.2.0-dev", "0.2.1-dev", "0.2.2-dev", "0.2.3-dev")
    other = commit(ci, {})
    push(ci, "0.2.4-dev", "0.2.5-dev", "0.2.6-dev")
    assert {run["head_branch"] for run in finished(ci, other, 3)} == {"0.2.4-dev", "0.2.5-dev", "0.2.6-dev"}
    assert runs(ci, head) == []


def test_runs_of_a_group_go_one_at_a_time_in_the_order_of_their_pushes(ci: Running, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    heads = []
    for number in range(3):
        heads.append(
            commit(ci, {"step.sh": f"echo begin {number} >>{trace}; sleep 0.2; echo end {number} >>{trace}\n"})
        )
        push(ci, f"0.3.{number}-dev")
    for head in heads:
        finished(ci, head)
    assert trace.read_text().split("\n")[:-1] == [
        f"{word} {number}" for number in range(3) for word in ("begin", "end")
    ]


def test_branches_tags_of_no_pattern_and_deleted_tags_start_nothing(ci: Running) -> None:
    head = commit(ci, {})
    git(ci.work, "tag", "v1")
    git(ci.work, "push", "--quiet", "origin", "HEAD:refs/heads/main", "v1")
    git(ci.work, "tag", "gone-dev")
    git(ci.work, "push", "--quiet", "origin", "gone-dev")
    (run,) = finished(ci, head)
    git(ci.work, "push", "--quiet", "origin", ":refs/tags/gone-dev", ":refs/tags/v1")
    until(lambda: not list((ci.folder / "inbox").iterdir()))
    time.sleep(0.2)
    assert [each["id"] for each in runs(ci, head)] == [run["id"]]


@pytest.mark.parametrize(
    ("workflow", "why"),
    [
        ("jobs: {a: {strategy: {matrix: {x: [1]}}, steps: [{run: 'true'}]}}", "'strategy' is not simulated"),
        ("jobs: {a: {steps: [{run: 'echo ${{ matrix.x }}'}]}}", "Unrecognized named-value: 'matrix'"),
        ("jobs: {a: {steps: [{run: 'echo ${{ success() }}'}]}}", "Unrecognized function: 'success'"),
        ("jobs: {a: {if: env.X, steps: [{run: 'true'}]}}", "Unrecognized named-value: 'env'"),
        (
            "jobs: {a: {steps: [{uses: actions/checkout@v7}, {uses: ./.github/actions/none}]}}",
            "Can't find 'action.yml'",
        ),
        ("jobs: {a: {steps: [{uses: ./.github/actions/setup}]}}", "Did you forget to run actions/checkout"),
        (
            "jobs: {a: {steps: [{uses: acme/deploy@v1}]}}",
            "does not know the action acme/deploy@v1, and passes over none",
        ),
        ("jobs: {a: {steps: [{run: 'true', shell: pwsh}]}}", "the shell 'pwsh' is not simulated"),
        ("jobs: {a: {needs: b, steps: [{run: 'true'}]}}", "needs b, which does not exist"),
        ("jobs: {a: {steps: [{run: 'true', if: \"github.ref = 'x'\"}]}}", "Unexpected symbol: '='"),
    ],
)
def test_what_is_not_understood_fails_the_run_and_says_what(ci: Running, workflow: str, why: str) -> None:
    path = ".github/workflows/odd.yml"
    head = commit(ci, {path: f"on: {{push: {{tags: ['odd*']}}}}\n{workflow}\n"})
    git(ci.work, "tag", f"odd-{head[:8]}")
    git(ci.work, "push", "--quiet", "origin", f"odd-{head[:8]}")
    (run,) = finished(ci, head)
    said = [text for job in jobs(ci, run).values() for _, _, text in notes_on(ci, job)]
    assert run["conclusion"] == "failure"
    assert any(why in text for text in said), said


def test_a_run_that_is_cancelled_ends_and_its_always_jobs_do_not_hang(ci: Running) -> None:
    head = commit(ci, {"step.sh": "sleep 60\n"})
    push(ci, "0.4.0-dev")
    run = until(lambda: [each for each in runs(ci, head) if each["status"] == "in_progress"])[0]
    until((ci.folder / "runs" / str(run["id"]) / "one" / "3.log").exists)
    url = f"{ci.github_url}/repos/sandbox/tiny/actions/runs/{run['id']}/cancel"
    urllib.request.urlopen(authorized(ci, url, method="POST")).close()
    (ended,) = finished(ci, head)
    assert ended["conclusion"] == "cancelled"


def test_a_run_that_ended_is_run_again_as_its_next_attempt(ci: Running, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    head = commit(ci, {"step.sh": f"test -f '{mended}'\n"})
    push(ci, "0.4.1-dev")
    (first,) = finished(ci, head)
    before = {job["id"] for job in jobs(ci, first).values()}
    assert (first["run_attempt"], jobs(ci, first)["one"]["conclusion"]) == (1, "failure")
    mended.touch()
    path = f"{ci.github_url}/repos/sandbox/tiny/actions/runs/{first['id']}/rerun"
    with urllib.request.urlopen(authorized(ci, path, method="POST")) as answer:
        assert answer.status == 201
    again = until(lambda: [run for run in finished(ci, head) if run["run_attempt"] == 2])[0]
    assert again["id"] == first["id"], "the same run"
    assert jobs(ci, again)["one"]["conclusion"] == "success"
    assert not before & {job["id"] for job in jobs(ci, again).values()}
    assert len(runs(ci, head)) == 1


HANDS_OVER = """\
on: {push: {tags: ["again-*"]}}
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0
        with: {name: built, path: step.sh}
      - run: sh step.sh
"""


def test_each_attempt_hands_over_by_names_of_its_own(ci: Running, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    head = commit(ci, {".github/workflows/again.yml": HANDS_OVER, "step.sh": f"test -f '{mended}'\n"})
    push(ci, "again-1")
    (first,) = [run for run in finished(ci, head) if run["path"].endswith("again.yml")]
    mended.touch()
    path = f"{ci.github_url}/repos/sandbox/tiny/actions/runs/{first['id']}/rerun"
    urllib.request.urlopen(authorized(ci, path, method="POST")).close()
    again = until(lambda: [run for run in finished(ci, head) if run["run_attempt"] == 2])[0]
    assert (again["conclusion"], jobs(ci, again)["one"]["conclusion"]) == ("success", "success")


def test_the_newest_run_that_failed_is_run_again_by_its_command(ci: Running, tmp_path: Path) -> None:
    mended, root = tmp_path / "mended", ci.folder.parents[1]
    head = commit(ci, {"step.sh": f"test -f '{mended}'\n"})
    push(ci, "0.4.2-dev")
    (first,) = finished(ci, head)
    mended.touch()
    lines = report.perform(report.Request("rerun"), root).lines
    assert lines[0] == f"SANDBOX: run {first['id']} (0.4.2-dev) runs again."
    again = until(lambda: [run for run in finished(ci, head) if run["run_attempt"] == 2])[0]
    assert jobs(ci, again)["one"]["conclusion"] == "success"


def test_a_rerun_without_a_failure_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", {})
    try:
        start(root)
        with pytest.raises(Refused, match="No run has failed"):
            report.perform(report.Request("rerun"), root)
    finally:
        lifecycle.down(root)
    with pytest.raises(ServiceFailed, match="The sandbox is not running"):
        report.perform(report.Request("rerun"), root)


def test_pygithub_reads_all_that_an_adapter_asks_for(ci: Running) -> None:
    from github import Auth, Github

    head = commit(ci, {"step.sh": "echo '::notice title=tagship exit 0::fine'\n"})
    push(ci, "0.5.0-dev")
    (ended,) = finished(ci, head)
    client = Github(auth=Auth.Token(ci.keys.token), base_url=ci.github_url, retry=0, seconds_between_requests=0)
    repo = client.get_repo("sandbox/tiny")
    (run,) = repo.get_workflow_runs(head_sha=head)
    again = repo.get_workflow_run(run.id)
    assert (again.id, again.status, again.conclusion) == (ended["id"], "completed", "failure")
    assert (again.event, again.head_branch, again.head_sha) == ("push", "0.5.0-dev", head)
    assert again.created_at.tzinfo
    by_name = {job.name: job for job in again.jobs()}
    assert [step.name for step in by_name["one"].steps][2] == "First"
    (notice,) = repo.get_check_run(by_name["one"].id).get_annotations()
    assert (notice.annotation_level, notice.title, notice.message) == ("notice", "tagship exit 0", "fine")
    checks = {check.name: check.conclusion for check in repo.get_commit(head).get_check_runs()}
    assert checks == {"one": "success", "two": "failure", "last": "success"}
    with urllib.request.urlopen(again.html_url) as page:
        assert b"step 0.5.0-dev" in page.read()


def test_a_push_that_cannot_be_read_does_not_end_the_watch(ci: Running) -> None:
    (ci.folder / "inbox" / ".broken").write_text("broken\n")
    (ci.folder / "inbox" / ".broken").rename(ci.folder / "inbox" / "0-broken")
    head = commit(ci, {"step.sh": "true\n"})
    push(ci, "0.6.0-dev")
    finished(ci, head)
    assert "0-broken" in (ci.folder / "log").read_text()
