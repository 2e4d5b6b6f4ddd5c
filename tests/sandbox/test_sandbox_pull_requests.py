"""A pull request as it is practised: opened, pushed to, closed and opened again, with the run of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.sandbox import lifecycle
from tagship.sandbox.play import report
from tagship.sandbox.state import Running
from tests.sandbox.conftest import git, repository, start

LISTENS = """\
name: preview
on: {pull_request: {types: [opened, synchronize, reopened, closed]}}
jobs:
  one:
    runs-on: ubuntu-24.04
    permissions: {contents: read, id-token: write} # one that deploys: the runner leaves tests of pull requests out
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - run: sh step.sh
        env: {ACTION: "${{ github.event.action }}", NUMBER: "${{ github.event.number }}"}
"""
SCRIPT = 'echo "$ACTION $NUMBER" >>"{noted}"\ntest ! -e broken\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pulls")
    files = {".github/workflows/preview.yml": LISTENS, "step.sh": SCRIPT.format(noted=folder / "noted")}
    root = repository(folder / "repository", files)
    running = start(root)
    yield running
    lifecycle.down(root)


def typed(running: Running, number: str, **flags: bool) -> list[str]:
    return list(report.perform(report.Request("pull-request", item=number, **flags), running.work).lines)


def branch(running: Running, name: str, **files: str) -> None:
    git(running.work, "switch", "--quiet", "--force-create", name)
    for file, text in files.items():
        (running.work / file).write_text(text, "utf-8")
    git(running.work, "add", "--all")
    git(running.work, "commit", "--quiet", "--allow-empty", "--message", "Change something")


def noted(running: Running) -> list[str]:
    return (running.folder.parents[2] / "noted").read_text("utf-8").splitlines()


def test_it_is_opened_pushed_to_closed_and_opened_again_each_with_its_run(running: Running) -> None:
    branch(running, "greeting")
    head = git(running.work, "rev-parse", "--short=8", "HEAD")
    opened = [f"SANDBOX: pull request 51 is open, at {head} of greeting.", "  preview: one success"]
    assert typed(running, "51") == opened
    with pytest.raises(Refused, match=f"Pull request 51 is at {head} already"):
        typed(running, "51")
    branch(running, "greeting")
    typed(running, "51")
    assert typed(running, "51", remove=True) == ["SANDBOX: pull request 51 is closed.", "  preview: one success"]
    with pytest.raises(Refused, match="Pull request 51 is not open") as refused:
        typed(running, "51", remove=True)
    assert refused.value.remedy == "Open it: inv sandbox pull-request 51"
    typed(running, "51")
    mine = [line for line in noted(running) if line.endswith(" 51")]
    assert mine == ["opened 51", "synchronize 51", "closed 51", "reopened 51"]


def test_a_run_that_failed_is_said_with_its_page(running: Running) -> None:
    branch(running, "broken", broken="")
    with pytest.raises(ServiceFailed, match=r"CI failed for pull request 52 \(preview: one failure\)") as failed:
        typed(running, "52")
    assert f"{running.github_url}/sandbox/tiny/actions/runs/" in failed.value.remedy


def test_the_base_is_no_branch_of_a_pull_request(running: Running) -> None:
    git(running.work, "switch", "--quiet", git(running.origin, "symbolic-ref", "--short", "HEAD"))
    with pytest.raises(Refused, match="A pull request needs a branch of its own") as refused:
        typed(running, "53")
    assert refused.value.remedy == "Switch to one: git switch --create my-change"


@pytest.mark.parametrize("number", ["", "0", "-1", "٣", "main"])
def test_what_is_no_number_is_refused(running: Running, number: str) -> None:
    with pytest.raises(UsageError, match="give its number"):
        typed(running, number)


def test_a_repository_whose_workflows_do_not_listen_says_what_writes_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch(running, "deaf")
    git(running.work, "rm", "--quiet", ".github/workflows/preview.yml")
    git(running.work, "commit", "--quiet", "--message", "Listen to nothing")
    monkeypatch.setattr("tagship.sandbox.play.pull_requests.BEGINS", 1.0)
    assert typed(running, "54")[1].startswith("No workflow that deploys listens to pull requests")
