"""The workflow that `init` writes is ours, but for the program's name and the action that sets it up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.lint import generated, pipelines
from tagship.scaffold.files import ACTION, workflow

TOP = Path(__file__).parents[2]
OURS = (TOP / ".github/workflows/deploy-dev.yml").read_text("utf-8")


def translated(text: str) -> str:
    """Our words for what is generated."""
    return text.replace(f"./{ACTION}", "./.github/actions/setup").replace("run: tagship ", "run: inv ")


def generated_text(build: str = "") -> str:
    return workflow("dev", "dev", build).decode() if build else dict(generated.files())[WORKFLOW].decode()


WORKFLOW = ".github/workflows/deploy-dev.yml"


def without_head(text: str) -> str:
    """The lines after the comment at the top, which says who wrote the file."""
    return "\n".join(text.splitlines()[1:])


def test_both_are_the_same_workflow_line_by_line_comments_included() -> None:
    assert without_head(translated(generated_text())) == without_head(OURS)


def test_a_build_of_the_apps_own_is_the_one_step_more() -> None:
    ours, theirs = (yaml.safe_load(text) for text in (OURS, translated(generated_text("make app"))))
    steps = theirs["jobs"]["build"]["steps"]
    more = [step for step in steps if step not in ours["jobs"]["build"]["steps"]]
    assert more == [{"name": "Build the app", "run": "make app"}]
    steps.remove(more[0])
    assert theirs == ours


def pins(value: Any) -> set[str]:
    return set(re.findall(r"uses: (\S+@[0-9a-f]{40} # v[\d.]+)", str(value)))


def test_the_actions_that_both_use_are_pinned_alike() -> None:
    setup = (TOP / ".github/actions/setup/action.yml").read_text("utf-8")
    theirs = dict(generated.files())[f"{ACTION}/action.yml"].decode()
    assert pins(setup) == pins(theirs) != set()
    ci = (TOP / ".github/workflows/ci.yml").read_text("utf-8")
    assert {pin for pin in pins(ci) if "checkout" in pin} == {pin for pin in pins(OURS) if "checkout" in pin}


@pytest.mark.parametrize("line", ["  queue: max\n", "    environment: dev\n", "      id-token: write\n"])
def test_a_line_that_is_lost_in_either_is_noticed(line: str) -> None:
    text = generated_text()
    assert line.strip() in text
    assert without_head(translated(text.replace(line.rstrip("\n"), "", 1))) != without_head(OURS)


def test_our_other_workflows_are_what_init_writes() -> None:
    files = dict(pipelines.files())
    of_previews = ["preview-sweep.yml", "preview.yml"]
    assert sorted(files) == [
        "build-and-promote.yml", "cleanup.yml", "deploy-prod.yml", "deploy.yml", *of_previews, "rollback.yml",
        "verify.yml",
    ]  # fmt: skip
    for name, content in files.items():
        assert (TOP / ".github/workflows" / name).read_bytes() == content, "python -m scripts.lint.pipelines"


WRITTEN = [*pipelines.files(), *((path, text) for path, text in generated.files() if path.endswith(".yml"))]
FLOWS = [(name, yaml.safe_load(text)) for name, text in WRITTEN if b"\njobs:" in text]


@pytest.mark.parametrize(("name", "flow"), FLOWS, ids=[name for name, _ in FLOWS])
def test_every_step_is_one_command_without_an_expression_and_every_job_asks_for_its_own(name: str, flow: Any) -> None:
    assert flow["permissions"] == {}
    for job in flow["jobs"].values():
        assert "contents" in job["permissions"]
        # A role of AWS is for jobs of a GitHub environment alone, so an identity that only signs takes none.
        signs = all("configure-aws" not in str(step) for step in job["steps"]) and "attest-build" in str(job["steps"])
        assert ("id-token" in job["permissions"]) == (signs or "configure-aws" in str(job["steps"]))
        assert signs or "environment" in job or "id-token" not in job["permissions"] or "pull_request" in flow[True]
        assert not signs or job["permissions"] == {"attestations": "write", "contents": "read", "id-token": "write"}
        for step in job["steps"]:
            assert re.fullmatch(r"(inv|tagship) [^;&|$`(\n]*(\"\$[A-Z]+\"[^;&|$`(\n]*)*", step.get("run", "inv x")), (
                step
            )
            assert re.fullmatch(r"\./\S+|\S+@[0-9a-f]{40}", step.get("uses", "./x")), step


@pytest.mark.parametrize(("name", "flow"), FLOWS, ids=[name for name, _ in FLOWS])
def test_each_group_waits_in_line_and_an_approval_holds_none(name: str, flow: Any) -> None:
    groups = [entry["concurrency"] for entry in (flow, *flow["jobs"].values()) if "concurrency" in entry]
    assert all(group["queue"] == "max" and group["cancel-in-progress"] is False for group in groups)
    if "approve" in flow["jobs"]:
        assert "concurrency" not in flow
        assert "concurrency" not in flow["jobs"]["approve"]
        assert "id-token" not in flow["jobs"]["approve"]["permissions"]


PLANNING = [pair for pair in FLOWS if pair[0].endswith("infra.yml")]


@pytest.mark.parametrize(("name", "flow"), PLANNING)
def test_a_plan_runs_what_a_branch_says_with_a_role_that_reads_and_what_writes_to_it_runs_the_base(
    name: str, flow: Any
) -> None:
    """A fork's pull request has no job: each begins with a plan, or is none of a pull request's."""
    assert set(flow[True]) == {"pull_request", "schedule", "workflow_dispatch"}
    for key, job in flow["jobs"].items():
        kind, _, env = key.partition("-")
        [checkout] = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        roles = [step["with"]["role-to-assume"] for step in job["steps"] if "configure-aws" in step.get("uses", "")]
        writes = job["permissions"].get("pull-requests") == "write"
        assert writes == (kind == "tell") == ("base.sha" in checkout["with"].get("ref", "")) == (not roles)
        assert all(f"vars.AWS_PLAN_ROLE_ARN_{env.upper()}" in role for role in roles)
        assert ("GITHUB_TOKEN" in str(job["steps"])) == writes
        fork = "github.event.pull_request.head.repo.full_name == github.repository"
        begins = {
            "plan": f"github.event_name == 'pull_request' && {fork}",
            "drift": "github.event_name != 'pull_request'",
        }
        assert job.get("if", "").strip() == begins.get(kind, "")
        assert kind != "tell" or job["needs"] == f"plan-{env}"
    assert len(flow["jobs"]) == 6


OF_PREVIEWS = [pair for pair in FLOWS if "pull_request" in pair[1][True] and pair not in PLANNING]


@pytest.mark.parametrize(("name", "flow"), OF_PREVIEWS)
def test_no_job_of_a_forks_pull_request_begins_and_each_pull_request_waits_for_itself_alone(
    name: str, flow: Any
) -> None:
    """Every job needs the first one, which asks whose repository the head is in; none runs if that was skipped."""
    assert flow["concurrency"]["group"].endswith("${{ github.event.pull_request.number }}")
    first, *others = flow["jobs"].items()
    assert first[1]["if"].strip() == "github.event.pull_request.head.repo.full_name == github.repository"
    for _, job in others:
        assert "validate" in job["needs"]
        assert "needs.validate.outputs.should_" in job["if"] if "if" in job else "build" in job["needs"]
    assert set(flow[True]) == {"pull_request"}


def test_what_writes_to_a_pull_request_or_takes_its_environment_away_runs_what_the_base_branch_says() -> None:
    jobs = yaml.safe_load(dict(pipelines.files())["preview.yml"])["jobs"]
    for name, job in jobs.items():
        [checkout] = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        writes = job["permissions"].get("pull-requests") == "write"
        assert writes == (name in ("close", "notify"))
        assert ("base.sha" in checkout["with"].get("ref", "")) == writes


EVERY = sorted((TOP / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("text", [*(path.read_bytes() for path in EVERY), *(text for _, text in WRITTEN)])
def test_a_permission_to_write_or_for_an_identity_has_its_reason_beside_it(text: bytes) -> None:
    lines = [line for line in text.decode().splitlines() if re.match(r" +[a-z-]+: (write|read)\b", line)]
    assert lines or b"\njobs:" not in text
    assert [line for line in lines if "#" not in line and line.strip() != "contents: read"] == []


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_what_the_clock_starts_here_with_an_identity_waits_for_a_variable_of_the_repository(path: Path) -> None:
    """Without it, no role is there, and each run would fail at the login."""
    flow = yaml.safe_load(path.read_bytes())
    scheduled = "schedule" in (flow[True] if isinstance(flow[True], dict) else {})
    jobs = [job for job in flow["jobs"].values() if "id-token" in job.get("permissions", {})]
    for job in jobs if scheduled else ():
        assert job["if"] == "github.event_name != 'schedule' || vars.TAGSHIP_SCHEDULES == 'true'"


def test_a_job_that_runs_a_tool_of_development_has_make_install_it_first() -> None:
    """The action sets up what tagship needs to run: nox is not among that (constraints-runtime.txt)."""
    assert "\nnox==" not in (TOP / "constraints-runtime.txt").read_text("utf-8")
    for path in sorted((TOP / ".github/workflows").glob("*.yml")):
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            lines = "\n".join(step.get("run", "") for step in job.get("steps", ())).splitlines()
            tools = [number for number, line in enumerate(lines) if ".venv/bin/nox" in line]
            made = [number for number, line in enumerate(lines) if re.search(r"\bmake [a-z]", line)]
            assert not tools or (made and made[0] < tools[0]), f"{path.name}: {name}"
