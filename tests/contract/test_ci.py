"""The Ci port: what a step reads of its run and leaves there, on GitHub, in the fake, and where there is no CI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.adapters.ci_github import NONCE_FILE, GitHubCi, NoCi, connect
from tagship.domain.annotation import genuine
from tagship.errors import ServiceFailed
from tagship.ports.ci import Ci
from tests.fakes.ci import FakeCi

PUSHED = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_REF": "refs/tags/0.1.2-dev",
    "GITHUB_REF_TYPE": "tag",
    "GITHUB_REF_NAME": "0.1.2-dev",
    "GITHUB_SHA": "c0ffee",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "octo/hello",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_REPOSITORY_OWNER_ID": "7",
    "GITHUB_REPOSITORY_ID": "8",
}
URL = "https://github.com/octo/hello/actions/runs/4711"
FACTS = {"running", "tag", "commit", "branch", "pull_request", "run", "run_url", "actor", "owner_id", "repository_id"}


class Step:
    """A step on GitHub, with the files that the runner reads after it."""

    def __init__(self, folder: Path) -> None:
        self.outputs, self.page = folder / "output", folder / "summary.md"
        self.said: list[str] = []
        self.warned: list[str] = []

    def ci(self, **variables: str) -> Ci:
        files = {"GITHUB_OUTPUT": str(self.outputs), "GITHUB_STEP_SUMMARY": str(self.page)}
        return connect({**PUSHED, **files, **variables}, self.said.append, self.warned.append)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def fake() -> FakeCi:
    return FakeCi(True, "0.1.2-dev", "c0ffee", "", "", "4711", URL, "octocat", "7", "8")


@pytest.mark.parametrize("made", [lambda step: fake(), lambda step: step.ci()], ids=["fake", "github"])
def test_a_pushed_tags_run_knows_its_facts(made: Callable[[Step], Ci], step: Step) -> None:
    ci = made(step)
    assert (ci.running, ci.tag, ci.commit, ci.branch, ci.pull_request) == (True, "0.1.2-dev", "c0ffee", "", "")
    assert (ci.run, ci.run_url, ci.actor, ci.owner_id, ci.repository_id) == ("4711", URL, "octocat", "7", "8")


@pytest.mark.parametrize("ci", [FakeCi(), NoCi(), connect({"HOME": "/"}, print, print)], ids=["fake", "none", "laptop"])
def test_outside_ci_every_fact_is_empty_and_nothing_fails(ci: Ci) -> None:
    assert not any(getattr(ci, name) for name in FACTS)
    ci.output({"tag": "0.1.2-dev"})
    ci.summarize("# fine\n")
    ci.begin()
    ci.annotate(0, "fine")
    ci.advise("nothing")


def test_a_ci_that_is_not_github_is_ci_all_the_same() -> None:
    ci = connect({"CI": "true"}, print, print)
    assert isinstance(ci, NoCi)
    assert ci.running


def test_a_token_alone_makes_no_ci() -> None:
    assert isinstance(connect({"GITHUB_TOKEN": "x", "GH_TOKEN": "x"}, print, print), NoCi)


def test_a_branchs_run_has_no_tag(step: Step) -> None:
    ci = step.ci(GITHUB_REF="refs/heads/dev", GITHUB_REF_TYPE="branch", GITHUB_REF_NAME="dev")
    assert (ci.tag, ci.pull_request) == ("", "")


def test_a_pull_requests_run_has_its_number_and_its_branch(step: Step) -> None:
    ci = step.ci(GITHUB_REF="refs/pull/51/merge", GITHUB_REF_TYPE="branch", GITHUB_HEAD_REF="feature/x")
    assert (ci.tag, ci.pull_request, ci.branch) == ("", "51", "feature/x")


def test_outputs_are_added_to_what_is_there(step: Step) -> None:
    step.outputs.write_text("earlier=1\n")
    step.ci().output({"should_deploy": "true", "tag": "0.1.2-dev"})
    assert step.outputs.read_text() == "earlier=1\nshould_deploy=true\ntag=0.1.2-dev\n"


@pytest.mark.parametrize("value", ["a\nshould_deploy=true", "a\rshould_deploy=true"])
def test_a_value_with_a_line_break_stays_one_output(value: str, step: Step) -> None:
    step.ci().output({"tag": value})
    first, rest = step.outputs.read_bytes().decode().split("\n", 1)
    end = first.removeprefix("tag<<")
    assert first.startswith("tag<<end-")
    assert rest == f"{value}\n{end}\n"


def test_a_summary_is_added_to_the_page(step: Step) -> None:
    step.page.write_text("before\n")
    step.ci().summarize("# fine\n")
    assert step.page.read_text() == "before\n# fine\n"


NONCE = "0123456789abcdef"


@pytest.fixture
def begun(tmp_path: Path) -> str:
    """A job's folder, in which an earlier step has drawn the nonce."""
    (tmp_path / NONCE_FILE).write_text(NONCE)
    return str(tmp_path)


def test_an_annotation_is_one_workflow_command(step: Step, begun: str) -> None:
    step.ci(RUNNER_TEMP=begun).annotate(6, "it failed: 100%\nbadly")
    assert step.said == [f"::error title=tagship exit 6 {NONCE}::it failed: 100%25%0Abadly"]


def test_what_to_do_next_is_one_workflow_command(step: Step, begun: str) -> None:
    step.ci(RUNNER_TEMP=begun).advise("Go back: inv rollback\nor look")
    assert step.said == [f"::error title=tagship next {NONCE}::Go back: inv rollback%0Aor look"]


def test_a_jobs_first_step_says_which_nonce_its_annotations_end_in(step: Step, tmp_path: Path) -> None:
    for _ in range(2):
        ci = step.ci(RUNNER_TEMP=str(tmp_path / "temp"))
        ci.begin()
        ci.begin()
        ci.annotate(0, "fine")
    titles = [line.split("title=")[1].split("::")[0] for line in step.said]
    assert genuine(titles) == ["tagship begins", "tagship exit 0", "tagship exit 0"]
    assert (tmp_path / "temp" / NONCE_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("folder", ["", "/proc/none"])
def test_a_step_that_can_keep_no_nonce_is_on_its_own(step: Step, folder: str) -> None:
    step.ci(RUNNER_TEMP=folder).annotate(0, "fine")
    assert genuine([line.split("title=")[1].split("::")[0] for line in step.said])[1] == "tagship exit 0"


def test_outputs_that_cannot_be_written_fail_the_step(step: Step, tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="GITHUB_OUTPUT") as caught:
        step.ci(GITHUB_OUTPUT=str(tmp_path / "gone" / "output")).output({"tag": "0.1.2-dev"})
    assert "No such file or directory" in caught.value.what
    assert "unset GITHUB_OUTPUT" in caught.value.remedy
    assert caught.value.state == "What is said above was done; later jobs do not see its outputs."


def test_a_summary_that_cannot_be_written_is_a_warning(step: Step, tmp_path: Path) -> None:
    step.ci(GITHUB_STEP_SUMMARY=str(tmp_path / "gone" / "page")).summarize("# fine\n")
    assert ["GITHUB_STEP_SUMMARY" in line for line in step.warned] == [True]


def test_a_run_without_the_runners_files_goes_on() -> None:
    ci = GitHubCi(PUSHED, print, print)
    ci.output({"tag": "0.1.2-dev"})
    ci.summarize("# fine\n")
