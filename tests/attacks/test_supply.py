"""What comes from outside runs where nothing can be done with it: packages, builds, other jobs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.lint import generated
from tagship.adapters.aws.session import Aws
from tagship.adapters.terraform import Terraform
from tagship.domain import layout
from tagship.errors import NotAuthentic
from tagship.ports.account import ToolFailed
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp
from tests.fakes.ci import FakeCi
from tests.fakes.images import FakeImages
from tests.fakes.signing import WordSigner
from tests.unit.ci import VERSION, ci_app
from tests.unit.release.test_images import PROVENANCE, pushed_by_a_stranger, run, vouched
from tests.unit.test_permissions import PEOPLE
from tests.unit.test_policies import (
    CI,
    CLEANUP,
    ELSEWHERE,
    INSTANCE,
    NOT_CLEANUP,
    OWN,
    TAGS,
    allowed,
    s3,
    trusted,
)

TOP = Path(__file__).parents[2]
ACTION = yaml.safe_load((TOP / ".github/actions/setup/action.yml").read_text("utf-8"))
STEP = re.compile(r"(?:inv|tagship) ([a-z.]+)(?: (?:[^\n;&|$\"#]+|\"\$[A-Z]+\"|#[^\n]*))*")
INSTALL = re.compile(r"pip install [^\n]*|session\.install\([^\n]*")


def workflows() -> list[tuple[str, dict[Any, Any]]]:
    """Ours, and those that `init` writes into another repository."""
    read = [(file.name, file.read_bytes()) for file in sorted((TOP / ".github/workflows").glob("*.yml"))]
    read += [(f"of init: {path}", content) for path, content in generated.files() if "/workflows/" in path]
    return [(name, yaml.safe_load(content)) for name, content in read]


def events(workflow: dict[Any, Any]) -> set[str]:
    """What starts it: YAML 1.1 reads the bare word `on` as true."""
    return set(workflow[True])


def jobs() -> list[tuple[str, dict[str, Any]]]:
    """Every job of every workflow, by its file and name."""
    return [(f"{name}: {key}", job) for name, workflow in workflows() for key, job in workflow["jobs"].items()]


def words(step: dict[str, Any]) -> list[str]:
    return str(step.get("run", "")).split()


def with_an_identity() -> list[tuple[str, dict[str, Any]]]:
    """The jobs that AWS credentials are given to."""
    chosen = [(name, job) for name, job in jobs() if job.get("permissions", {}).get("id-token") == "write"]
    assert len(chosen) > 1
    return chosen


def test_a_job_with_an_identity_installs_what_runs_and_no_tool_of_development() -> None:
    action = yaml.safe_load((TOP / ".github/actions/setup/action.yml").read_text("utf-8"))
    installs = "\n".join(step.get("run", "") for step in action["runs"]["steps"])
    assert re.findall(r"\bpip install .*", installs) == [
        "pip install --quiet --require-hashes --no-deps -r constraints-runtime.txt"
    ]
    for name, job in with_an_identity():
        steps = "\n".join(step.get("run", "") for step in job["steps"])
        assert not re.search(r"\b(pip|make|nox|npm|npx|uv)\b", steps), name


OURS = {"publish", "deploy", "verify", "notify", "cleanup", "tested", "promote", "rollback"}
TOOLS = {"infra", "preview.close", "preview.sweep"}  # the team's own tool runs there, as its branch or its base says
NO_FORK = "github.event.pull_request.head.repo.full_name == github.repository"


def is_of_previews(job: dict[str, Any]) -> bool:
    """Whether its only role is the one that reaches previews alone."""
    roles = {step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})}
    return roles == {"${{ vars.AWS_PREVIEW_ROLE_ARN }}"}


def is_of_plans(job: dict[str, Any]) -> bool:
    """Whether its only role is one that reads, for plans."""
    roles = {step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})}
    return bool(roles) and all(role.startswith("${{ vars.AWS_PLAN_ROLE_ARN_") for role in roles)


def test_no_code_of_the_project_runs_beside_an_identity() -> None:
    """Building is what runs it: the Dockerfile, packages, `bundle.built`. A step of ours is one `inv`, and no more."""
    for name, job in with_an_identity():
        commands = [STEP.fullmatch(step["run"]) for step in job["steps"] if "run" in step]
        assert all(commands), name
        tools = TOOLS if is_of_previews(job) else {"infra.plan"} if is_of_plans(job) else set()
        assert {command[1] for command in commands if command} <= OURS | tools, name


def test_a_job_that_builds_has_no_identity_and_no_secrets() -> None:
    building = [
        job for _, job in jobs() if any(re.match(r"(inv|tagship) build", step.get("run", "")) for step in job["steps"])
    ]
    assert len(building) > 2  # ours, and those of `init`
    for job in building:
        assert job["permissions"] == {"contents": "read"}
        assert "environment" not in job  # whose secrets and variables it would have
        assert "secrets." not in json.dumps(job)
        checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.fixture
def handed(tmp_path: Path) -> tuple[FakeApp, str]:
    """What a build job left in another one's checkout, and the digest that it put out."""
    app = ci_app(tmp_path)
    app.ci = FakeCi(tag=VERSION)
    bundle(app, artifact=VERSION)
    return app, app.ci.outputs["built"]


def test_files_that_were_swapped_between_two_jobs_are_not_signed(handed: tuple[FakeApp, str], tmp_path: Path) -> None:
    """A bundle of somebody's own, with a bundle.json that fits it: only the digest says that it is another."""
    app, built = handed
    evil = ci_app(
        tmp_path / "evil", tree={"app/app.py": b"evil()\n", "deploy/ec2_deploy.sh": b"", "deploy/host/x": b""}
    )
    bundle(evil, artifact=VERSION)
    shutil.copytree(tmp_path / "evil/.tagship/build", tmp_path / ".tagship/build", dirs_exist_ok=True)
    with pytest.raises(NotAuthentic, match=r"has sha256 [0-9a-f]{64} here; the job that built it says [0-9a-f]{64}"):
        publish(app, artifact=VERSION, built=built)
    assert app.store.objects == {}


@pytest.mark.parametrize("role", ["Ci", "Notify"])
def test_a_branch_that_names_the_environment_gets_no_role(role: str) -> None:
    """Also if nobody gave the GitHub environment its policies, which `setup` prints."""
    subject = "repo:acme/hello:environment:dev"
    assert trusted(subject, role=role)
    assert not [where for where, workflow in ELSEWHERE.items() if trusted(subject, role=role, workflow=workflow)]


def test_a_branch_that_names_the_cleanup_environment_deletes_nothing() -> None:
    subject = "repo:acme/hello:environment:dev-cleanup"
    assert trusted(subject, role="Cleanup", workflow=CLEANUP)
    assert not [where for where, workflow in NOT_CLEANUP.items() if trusted(subject, role="Cleanup", workflow=workflow)]


def test_a_forks_pull_request_runs_with_nothing_that_is_ours() -> None:
    """It may read what is public. The events that run a fork's words with our token are not used at all."""
    started = [(name, workflow) for name, workflow in workflows() if "pull_request" in events(workflow)]
    assert started
    for name, workflow in workflows():
        assert not events(workflow) & {"pull_request_target", "issue_comment", "issues"}, name
        if "workflow_run" in events(workflow):
            _require_no_fork_behind_a_run(name, workflow)
    for name, workflow in started:
        assert workflow["permissions"] == {}
        assert "secrets." not in json.dumps(workflow), name
        for job in workflow["jobs"].values():
            assert "environment" not in job
            if name.endswith("infra.yml"):
                _require_that_a_plan_is_of_no_fork(workflow["jobs"], job)
            elif job["permissions"] != {"contents": "read"}:
                assert is_of_previews(job), name
                _require_that_it_waits_for_no_fork(workflow["jobs"], job)


def _require_that_a_plan_is_of_no_fork(jobs_of_file: dict[str, Any], job: dict[str, Any]) -> None:
    """It is skipped for a fork, and with it what needs it; with an identity it has a role that reads, and no token."""
    begins = jobs_of_file[job["needs"]]["if"] if "needs" in job else job["if"]
    event = "github.event_name"
    assert begins.strip() in (f"{event} == 'pull_request' && {NO_FORK}", f"{event} != 'pull_request'")
    assert is_of_plans(job) == ("id-token" in job["permissions"])
    assert not {"id-token", "pull-requests"} <= set(job["permissions"])


def _require_that_it_waits_for_no_fork(jobs_of_file: dict[str, Any], job: dict[str, Any]) -> None:
    """Its first job is skipped for a fork: what needs that has no outputs of it, and is skipped too."""
    first = jobs_of_file["validate"]
    assert first["if"].strip() == NO_FORK
    assert "validate" in ([job["needs"]] if isinstance(job["needs"], str) else job["needs"])
    condition = job.get("if", "")
    assert "needs.validate.outputs.should_" in condition or not re.search(r"always|failure|cancelled", condition)


def _require_no_fork_behind_a_run(name: str, workflow: dict[Any, Any]) -> None:
    """Every job waits for one that asks whose push the earlier run was: no fork's, and no pull request's."""
    first = [job for job, steps in workflow["jobs"].items() if "needs" not in steps]
    assert first == ["validate"], name
    asked = " ".join(workflow["jobs"]["validate"]["if"].split())
    assert "github.event.workflow_run.event == 'push' && " in asked, name
    assert "github.event.workflow_run.head_repository.full_name == github.repository" in asked, name
    for job, steps in workflow["jobs"].items():
        assert job == "validate" or "validate" in steps["needs"], f"{name}: {job}"
        assert job == "validate" or "always()" not in steps.get("if", "") or "should_deploy == 'true'" in steps["if"]


def test_what_is_installed_and_used_is_known_by_its_hash() -> None:
    """A package that is changed on its way, an action whose tag is moved: neither is run."""
    used = [step["uses"] for _, job in jobs() for step in job["steps"] if "uses" in step]
    used += [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert [name for name in used if not name.startswith("./") and not re.search(r"@[0-9a-f]{40}$", name)] == []
    places = ["Makefile", "noxfile.py", *(str(file.relative_to(TOP)) for file in (TOP / ".github").rglob("*.yml"))]
    installs = [line for place in places for line in INSTALL.findall((TOP / place).read_text("utf-8"))]
    assert len(installs) > 3
    assert [line for line in installs if "--require-hashes" not in line and "--no-index" not in line] == []


@pytest.mark.parametrize("key", [make("prod") for make in OWN])
def test_ci_of_dev_writes_deletes_and_deploys_nothing_of_prod(key: str) -> None:
    assert not any(allowed(CI, action, s3(key)) for action in ("s3:PutObject", "s3:DeleteObject"))
    prod = {**TAGS, "ssm:resourceTag/tagship:environment": "prod"}
    assert allowed(CI, "ssm:SendCommand", INSTANCE, TAGS)
    assert not allowed(CI, "ssm:SendCommand", INSTANCE, prod)
    assert not trusted("repo:acme/hello:environment:dev", Environment="prod")


def test_nothing_comes_from_a_cache_that_others_write() -> None:
    for name, job in jobs():
        for step in job["steps"]:
            assert not step.get("uses", "").startswith("actions/cache"), name
            assert "cache" not in step.get("with", {}), name
    assert not any("cache" in step.get("with", {}) for step in ACTION["runs"]["steps"])


def test_a_developer_puts_nothing_where_ci_or_a_host_takes_code_from() -> None:
    """An artifact, an image, the document that hosts obey. Terraform's state is theirs, too: see the next row."""
    for name in (layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE):
        artifact = s3(layout.artifact("hello", "dev", "0.1.30-dev", name))
        assert allowed(CI, "s3:PutObject", artifact)
        assert not allowed(PEOPLE, "s3:PutObject", artifact)
    image = "arn:aws:ecr:us-east-1:123456789012:repository/hello"
    assert allowed(CI, "ecr:PutImage", image)
    assert not allowed(PEOPLE, "ecr:PutImage", image)
    risky = [each for each in PEOPLE if re.search("Document|PassRole|AssumeRole", str(each["Action"]))]
    passed = {each["Sid"]: (each["Resource"], each["Condition"]["StringEquals"]) for each in risky}
    tasks = ["arn:aws:iam::123456789012:role/hello-dev-task"]  # a task definition names its role
    assert passed.pop("PassTheRolesOfTasks") == (tasks, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    [(host, service)] = passed.values()  # and a launch template that of the instances
    assert service == {"iam:PassedToService": "ec2.amazonaws.com"}
    assert "*" not in str(host)


# -- images ------------------------------------------------------------------------------------------------------------


def test_who_pushes_first_under_the_tag_is_not_deployed(tmp_path: Path) -> None:
    """With the labels that a build of this commit would have: whoever pushes says what they say."""
    images = FakeImages()
    pushed_by_a_stranger(images)
    app = run(tmp_path, images)
    with pytest.raises(NotAuthentic, match="That is not the image that was built here, and no signed provenance says"):
        publish(app, artifact=VERSION)
    assert app.store.objects == {}


def test_who_pushes_first_gains_nothing_by_provenance_of_their_own(tmp_path: Path) -> None:
    """They may write to the bucket, too; the release key is not theirs."""
    images = FakeImages()
    app = run(tmp_path, images)
    vouched(app, pushed_by_a_stranger(images), WordSigner("mallory"))
    with pytest.raises(NotAuthentic, match="signature"):
        publish(app, artifact=VERSION)
    assert set(app.store.objects) == {PROVENANCE}


def test_an_image_that_another_environment_signed_is_not_taken_under_the_tag(tmp_path: Path) -> None:
    """One repository and one key for both: CI's job of dev signs for dev alone."""
    images = FakeImages()
    app = run(tmp_path, images)
    vouched(app, pushed_by_a_stranger(images), place=f"hello/prod/{VERSION}")
    with pytest.raises(NotAuthentic, match="no signed provenance says where it comes from"):
        publish(app, artifact=VERSION)


def test_an_image_that_was_swapped_between_two_jobs_is_not_pushed(tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    (app.root / f".tagship/build/{VERSION}/image.tar").write_text("evil")
    with pytest.raises(NotAuthentic, match=r"image\.tar has sha256"):
        publish(app, artifact=VERSION)
    assert images.stored == {}


# -- Terraform ---------------------------------------------------------------------------------------------------------

STAND_IN = """#!/bin/sh
echo "$*" >>"$0.calls"
case $1 in
version) echo '{"terraform_version": "1.11.4"}' ;;
init) echo 'Error: Provider dependency changes detected' >&2; exit 1 ;;
esac
"""


def test_a_state_that_names_a_provider_of_somebodys_own_runs_none_in_ci(tmp_path: Path) -> None:
    """Terraform fetches and runs what a state names, unless its lock file is only read; then it says what is here."""
    program = tmp_path / "terraform"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    aws = Aws("us-east-1")
    terraform = Terraform(aws, tmp_path, tmp_path / "data", "b", "k", 1, print, {}, pinned=True, program=str(program))
    with pytest.raises(ToolFailed, match="terraform init") as failed:
        terraform.prepare()
    assert failed.value.kind == "unpinned"
    [init] = [line for line in (tmp_path / "terraform.calls").read_text().splitlines() if line.startswith("init")]
    assert "-lockfile=readonly" in init.split()
