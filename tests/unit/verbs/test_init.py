"""`init`: what it finds, what it writes for each shape of repository, and that nothing of anybody's is overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tagship import settings
from tagship.account.environment_stack import environment_stack
from tagship.adapters.git.surroundings import surroundings
from tagship.errors import Interrupted, Refused, SettingsError, TagshipError, UsageError
from tagship.ports.repository import Surroundings
from tagship.scaffold.look import Scene
from tagship.scaffold.updating import stamped
from tagship.scaffold.written import RECORD
from tagship.settings.ecs import Ecs
from tagship.settings.lambda_ import Lambda
from tagship.verbs.init import Initiated, init
from tests.fakes.app import FakeApp
from tests.fakes.foundation import FakeFoundation
from tests.fakes.prompt import CTRL_C, FakePrompt
from tests.fakes.screen import FakeScreen

ROOT = Path(__file__).parents[3]
WORKFLOW = ".github/workflows/deploy-dev.yml"
MAKEFILE = """\
include common.mk
deploy-dev: test
\t./deploy/run.sh
test tag: ; pytest
NAME := value
"""
TERRAFORM = 'terraform {\n  required_version = "1.9.8"\n}\n'
OLD_WORKFLOW = """\
on: { push: { tags: ["*-dev"] } }
env: { AWS_REGION: eu-central-1, IMAGE: 210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/batch }
jobs: { ship: { steps: [{ run: aws s3 cp x s3://team-artifacts/x }] } }
"""
SERVICE = {"app.py": 'HEALTH = "/health"\n', "lib/a.py": "", "tests/test_a.py": "", "README.md": "", "uv.lock": ""}
BATCH = {
    "Dockerfile": "FROM python:3.12 AS build\nFROM build AS run\nEXPOSE 9000\nUSER nobody\nCMD python job.py\n",
    "Makefile": MAKEFILE,
    "common.mk": "rollback:\n\techo ours\n",
    "deploy/run.sh": "rsync\n",
    WORKFLOW: OLD_WORKFLOW,
    "infra/main.tf": TERRAFORM,
    ".gitignore": "*.pyc",
    "tasks.py": "from invoke import task\n",
    ".env.example": "GREETING=hello\n",
}
NODE = {
    "package.json": '{"name": "@acme/shop-api", "scripts": {"start": "node index.js"}}',
    "index.js": "",
    "pnpm-lock.yaml": "",
}


@dataclass
class Here:
    """The ports of a repository without settings: a real Git one, and a person who answers from a list."""

    root: Path
    prompt: FakePrompt = field(default_factory=lambda: FakePrompt(possible=False))
    screen: FakeScreen = field(default_factory=FakeScreen)

    @cached_property
    def surroundings(self) -> Surroundings:
        return surroundings(self.root, os.environ)


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)


def repository(root: Path, files: dict[str, str], *, branch: str = "main", url: str = "") -> Path:
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet", f"--initial-branch={branch}")
    git(root, "add", ".")
    if url:
        git(root, "remote", "add", "origin", url)
    return root


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "dist/tagship-0.1.0-py3-none-any.whl"
    path.parent.mkdir()
    path.write_bytes(b"a wheel\0")
    return path


def begin(root: Path, wheel: Path, *answers: object, **flags: Any) -> tuple[Here, Initiated]:
    here = Here(root, FakePrompt(*answers, possible=bool(answers)))
    return here, init(here, source=str(wheel), **({"yes": not answers} | flags))


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.relative_to(root).parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


# -- what Git does not have yet ---------------------------------------------------------------------------------------


def test_what_nobody_has_added_yet_is_shipped_and_what_git_ignores_is_not(tmp_path: Path, wheel: Path) -> None:
    """The next step is `git add .`."""
    root = repository(tmp_path / "shop", {".gitignore": "cache/\n"})
    for name in ("app.py", "lib/orders.py", "cache/orders", "venv/bin/python"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text("")
    begin(root, wheel, command="python3 app.py")
    assert list(settings.load(root / "tagship.toml", {}).bundle.include) == ["app.py", "lib"]


# -- a service that has nothing ----------------------------------------------------------------------------------------

WRITTEN = {
    "tagship.toml", "tasks.py", "tagship.mk", "Makefile", ".gitignore", "tagship.txt", "tagship-sandbox.txt",
    ".env.example", ".github/actions/tagship/action.yml", ".github/actions/tagship/schema.json", RECORD, WORKFLOW,
    "vendor/tagship-0.1.0-py3-none-any.whl",
    *(f".github/workflows/{name}.yml" for name in ("rollback", "verify", "cleanup")),
}  # fmt: skip


def test_a_service_gets_all_that_it_needs_and_settings_that_load(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    here, result = begin(root, wheel)
    assert result.done
    assert set(content(root)) == {*SERVICE, *WRITTEN}
    chosen = settings.load(root / "tagship.toml", {})
    dev = chosen.environment("dev")
    assert (chosen.app, chosen.aws.bucket, dev.branch, dev.health.path) == ("shop", "shop-artifacts", "main", "/health")
    assert list(chosen.bundle.include) == ["app.py", "lib", "uv.lock"]
    assert dev.target.model_dump()["command"] == ("python3", "app.py")
    assert "git add " in here.screen.text
    assert all(f"+++ b/{name}" in here.screen.text for name in ("tagship.toml", WORKFLOW, "Makefile"))


OF_PREVIEWS = """
[previews]
remove = ["cdk", "destroy", "shop-pr-{n}"]
[previews.environment.ec2]
tags = { "tagship:environment" = "pr-{n}" }
command = ["python3", "app.py"]
"""
WORKFLOWS_OF_PREVIEWS = {f".github/workflows/{name}" for name in ("preview.yml", "preview-sweep.yml")}


def test_the_workflows_of_pull_requests_come_with_previews_and_with_nothing_else(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    assert not WORKFLOWS_OF_PREVIEWS & set(content(root))
    with (root / "tagship.toml").open("a") as file:
        file.write(OF_PREVIEWS)
    here, _ = begin(root, wheel)
    assert set(content(root)) >= WORKFLOWS_OF_PREVIEWS
    assert ".github/workflows/build-and-promote.yml" not in content(root)
    assert "tagship preview.sweep" in (root / ".github/workflows/preview-sweep.yml").read_text()
    assert not [note for note in here.screen.warnings if "AWS will trust" in note]


def test_the_workflow_that_plans_comes_with_terraform_and_names_a_role_for_each_environment(
    tmp_path: Path, wheel: Path
) -> None:
    root, path = repository(tmp_path / "shop", SERVICE), ".github/workflows/infra.yml"
    begin(root, wheel)
    assert path not in content(root)
    settings = (root / "tagship.toml").read_text()
    (root / "tagship.toml").write_text(f'{settings}\n[environments.dev.infra]\ndirectory = "cdk"\ncommand = ["cdk"]\n')
    begin(root, wheel)
    assert path not in content(root)
    (root / "tagship.toml").write_text(f'{settings}\n[environments.dev.infra]\ndirectory = "terraform"\n')
    here, _ = begin(root, wheel)
    written = (root / path).read_text()
    assert "vars.AWS_PLAN_ROLE_ARN_DEV" in written
    assert '"terraform/**"' in written
    assert not [note for note in here.screen.warnings if "AWS will trust" in note]


def test_the_job_that_has_github_attest_comes_with_the_setting_that_requires_it(tmp_path: Path, wheel: Path) -> None:
    root, path = repository(tmp_path / "shop", SERVICE), ".github/workflows/deploy-dev.yml"
    begin(root, wheel)
    assert "attest" not in (root / path).read_text("utf-8")
    settings = (root / "tagship.toml").read_text("utf-8")
    required = settings.replace("[environments.dev]", '[environments.dev]\nrequire_attestation = "github"')
    (root / "tagship.toml").write_text(f'{required}\n[ci]\nrepository = "acme/shop"\n', "utf-8")
    begin(root, wheel, update=True)
    jobs = yaml.safe_load((root / path).read_text("utf-8"))["jobs"]
    assert jobs["attest"]["permissions"] == {"attestations": "write", "contents": "read", "id-token": "write"}
    assert [step["name"] for step in jobs["attest"]["steps"]] == ["Take over", "Attest"]
    assert not any("run" in step for step in jobs["attest"]["steps"])  # it runs nothing of what was built
    assert jobs["ship"]["needs"] == ["validate", "build", "attest"]
    of_images = any(step["name"] == "Attest images" for step in jobs["ship"]["steps"])
    assert jobs["ship"]["permissions"]["attestations"] == ("write" if of_images else "read")
    with_token = [step["name"] for step in jobs["ship"]["steps"] if "GITHUB_TOKEN" in step.get("env", {})]
    assert with_token == ["Publish", "Deploy"]
    assert "attestations" not in jobs["build"]["permissions"]
    assert "sigstore==" in (root / "tagship.txt").read_text("utf-8")


def test_a_preview_workflow_of_the_teams_stays_and_the_other_one_is_named_to_aws(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE | {".github/workflows/preview.yml": "name: theirs\n"})
    begin(root, wheel)
    with (root / "tagship.toml").open("a") as file:
        file.write(OF_PREVIEWS)
    here, _ = begin(root, wheel)
    assert content(root)[".github/workflows/preview.yml"] == b"name: theirs\n"
    setting = 'write under [previews]: workflow = "tagship-preview.yml"'
    assert [note for note in here.screen.warnings if setting in note]


def test_editors_find_the_schema_that_the_settings_name(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    directive, path = (root / "tagship.toml").read_text().splitlines()[0].split(" ")
    assert directive == "#:schema"
    written = json.loads((root / path).read_text())
    assert Draft7Validator(written).is_valid(tomllib.loads((root / "tagship.toml").read_text()))
    printed = init(Here(root), schema=True)
    assert {**json.loads(printed.text), "$comment": written["$comment"]} == written
    assert printed.as_data() == json.loads(printed.text)


def test_a_branch_of_the_environment_s_name_and_the_remote_s_name_are_taken(tmp_path: Path, wheel: Path) -> None:
    root = repository(
        tmp_path / "checkout", SERVICE, branch="dev", url="https://ada:hunter2@github.com/acme/Shop_Front.git"
    )
    git(root, "-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "Begin")
    here, _ = begin(root, wheel)
    chosen = settings.load(root / "tagship.toml", {})
    assert (chosen.app, chosen.environment("dev").branch) == ("shop-front", "dev")
    assert "hunter2" not in here.screen.text


def test_a_node_service_starts_as_its_package_says(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "api", NODE)
    begin(root, wheel)
    chosen = settings.load(root / "tagship.toml", {})
    assert chosen.app == "acme-shop-api"
    assert chosen.environment("dev").target.model_dump()["command"] == ("node", "index.js")


def test_where_nothing_says_what_starts_the_app_the_flag_is_named(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {"cmd/main.go": "", "go.mod": ""})
    with pytest.raises(UsageError, match="can't tell what starts the app") as caught:
        begin(root, wheel)
    assert caught.value.remedy == f"Say it: tagship init --command '…' --source {wheel} --yes"
    begin(root, wheel, command="./bin/shop --quiet", include="bin")
    target = settings.load(root / "tagship.toml", {}).environment("dev").target.model_dump()
    assert target["command"] == ("./bin/shop", "--quiet")


# -- services of ECS, and functions ------------------------------------------------------------------------------------

FUNCTION = {"handler.py": "def lambda_handler(event, context):\n    return {}\n", "lib/a.py": "", "README.md": ""}


def test_a_service_of_ecs_gets_its_cluster_and_its_image_and_nothing_of_hosts(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {**SERVICE, "Dockerfile": "FROM scratch\n"})
    begin(root, wheel, kind="ecs", cluster="team")
    text, dev = (root / "tagship.toml").read_text(), settings.load(root / "tagship.toml", {}).environment("dev")
    assert isinstance(dev.target, Ecs)
    said = re.sub(r"^# (?=(roles|families|health) = )", "", text, flags=re.MULTILINE)
    assert said.count("\n# ") == text.count("\n# ") - 3
    (root / "said.toml").write_text(said)
    full = settings.load(root / "said.toml", {}).environment("dev").target
    assert isinstance(full, Ecs)
    assert full.services["shop-dev"].health, "what is commented out is there to be used"
    assert (dev.target.cluster, list(dev.target.services)) == ("team", ["shop-dev"])
    assert dev.target.monitors.failures == 2, "else ECS starts tasks that end again and again, until the timeout"
    assert dev.image.repository.endswith("/shop")
    assert not {"ec2", "bundle", "health"} & set(re.findall(r"^\[(?:environments\.dev\.)?(\w+)", text, re.MULTILINE))
    assert "host" not in text + (root / ".env.example").read_text()
    steps = yaml.safe_load((root / WORKFLOW).read_text())["jobs"]["ship"]["steps"]
    assert [step["run"].split()[1] for step in steps if "run" in step] == ["publish", "deploy", "verify"]


@pytest.mark.starts("sh")
def test_a_function_of_a_zip_file_is_packed_of_what_the_repository_has(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {**FUNCTION, "requirements.txt": ""})
    begin(root, wheel, kind="lambda")
    chosen = settings.load(root / "tagship.toml", {})
    target = chosen.environment("dev").target
    assert isinstance(target, Lambda)
    [(name, function)] = target.functions.items()
    assert (name, function.package, function.handler) == ("shop-dev", "function", "handler.lambda_handler")
    assert chosen.environment("dev").health.attempts == 6, "a first mistake is said within a minute"
    packed = chosen.packages["function"]
    script = packed.command[-1].partition(" && python3 -m pip install")
    assert script[1]
    subprocess.run([*packed.command[:-1], script[0]], cwd=root, check=True)
    made = root / packed.directory
    assert sorted(path.name for path in made.rglob("*")) == ["a.py", "handler.py", "lib", "requirements.txt"]
    assert "host" not in (root / "tagship.toml").read_text() + (root / ".env.example").read_text()


def test_a_handler_whose_file_is_in_a_folder_has_to_name_that(tmp_path: Path, wheel: Path) -> None:
    """Else the zip file has src/handler.py, and the first deployment fails with `No module named 'handler'`."""
    root = repository(tmp_path / "shop", {"src/handler.py": FUNCTION["handler.py"], "README.md": ""})
    with pytest.raises(UsageError, match=r"--handler: its file is src/handler\.py: src/handler\.main"):
        begin(root, wheel, kind="lambda", handler="handler.main")
    begin(root, wheel, kind="lambda", handler="src/handler.main")
    own = repository(tmp_path / "own", {"src/handler.py": FUNCTION["handler.py"]})
    begin(own, wheel, kind="lambda", handler="handler.main", command="make zip", built="out")


def test_a_function_of_an_image_and_one_that_its_team_packs_itself(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {**FUNCTION, "Dockerfile": "FROM scratch\n"})
    begin(root, wheel, kind="lambda")
    target = settings.load(root / "tagship.toml", {}).environment("dev").target
    assert isinstance(target, Lambda)
    assert [(one.image, one.package) for one in target.functions.values()] == [(True, "")]
    root = repository(tmp_path / "other", FUNCTION)
    begin(root, wheel, kind="lambda", command="make zip", built="out", function="team_api", handler="main.go")
    packed = settings.load(root / "tagship.toml", {}).packages["function"]
    assert (packed.directory, packed.command) == ("out", ("make", "zip"))


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({WORKFLOW: "steps: [{ uses: aws-actions/amazon-ecs-deploy-task-definition@v2 }]"}, "ecs"),
        ({"Makefile": "ship: ; aws lambda update-function-code --function-name shop"}, "lambda"),
        ({"template.yaml": "Transform: AWS::Serverless-2016-10-31"}, "lambda"),
        ({"app.py": "def handler(event, context): ..."}, "service"),
    ],
)
def test_what_its_team_ships_to_is_suggested(files: dict[str, str], kind: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "shop", files)
    assert Scene(surroundings(root, os.environ)).kind == kind


# -- a team that ships already -----------------------------------------------------------------------------------------


def test_a_container_s_job_is_written_beside_what_its_team_has(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "batch", BATCH)
    before = content(root)
    here, _ = begin(root, wheel, kind="job")
    after = content(root)
    assert after["Makefile"] == before["Makefile"] + b"include tagship.mk\n"
    assert after[".gitignore"] == b"*.pyc\n.tagship/\n__pycache__/\n"
    assert all(after[name] == before[name] for name in set(before) - {"Makefile", ".gitignore"})
    assert ".github/workflows/tagship-deploy-dev.yml" in after
    for note in (
        "Makefile has its own deploy-dev, so tagship's is `make tagship-deploy-dev`",
        "Makefile has its own rollback",  # of the file that it includes
        f"{WORKFLOW} is yours, so tagship's is .github/workflows/tagship-deploy-dev.yml. To switch: git rm {WORKFLOW}",
        'write under [environments.dev]: workflow = "tagship-deploy-dev.yml"',
        "tasks.py is yours",
    ):
        assert any(note in text for text in here.screen.warnings), note
    chosen = settings.load(root / "tagship.toml", {}).environment("dev")
    assert chosen.image.repository == "210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/batch"
    target = chosen.target.model_dump()
    assert (target["runtime"], target["kind"]) == ("docker", "job")


def test_what_it_found_is_said(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "batch", BATCH)
    git(root, "-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "Begin")
    git(root, "tag", "v1.2.3")
    here, _ = begin(root, wheel, dry_run=True)
    for text in (
        "1, versions such as v1.2.3",
        "Dockerfile (stages build, run; listens on 9000)",
        "your own folder, which init does not touch",
        "210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/batch, team-artifacts, eu-central-1",
        "Terraform (1.9.8)",
    ):
        assert text in here.screen.text


@pytest.mark.starts("make")
def test_make_has_both_targets_and_the_team_s_default(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "batch", BATCH)
    begin(root, wheel, kind="job")

    def would_run(*targets: str) -> str:
        done = subprocess.run(["make", "-n", *targets], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    assert "echo ours" in would_run()
    assert "./deploy/run.sh" in would_run("deploy-dev")
    assert ".tagship/venv/bin/tagship deploy-dev" in would_run("tagship-deploy-dev")
    assert "overriding" not in would_run("status")


# -- nothing by halves -------------------------------------------------------------------------------------------------


def test_a_second_time_there_is_nothing_to_write(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "batch", BATCH)
    begin(root, wheel, kind="job")
    git(root, "add", ".")
    before = content(root)
    here, result = begin(root, wheel)
    assert {entry.word for entry in result.files} == {"same"}
    assert "There is nothing to write." in here.screen.lines
    assert content(root) == before


MARKED = ("tagship.mk", "tagship.txt", WORKFLOW, ".github/actions/tagship/action.yml")
EDITED = (
    "tagship.toml",
    "tagship.mk",
    "tagship.txt",
    WORKFLOW,
    ".github/actions/tagship/action.yml",
    "Makefile",
    "tasks.py",
)


@given(edits=st.dictionaries(st.sampled_from(EDITED), st.text("ab #\n", min_size=1, max_size=20), min_size=1))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_somebody_edited_is_kept(edits: dict[str, str], tmp_path: Path, wheel: Path) -> None:
    root = tmp_path / "edited"
    shutil.rmtree(root, ignore_errors=True)
    repository(root, SERVICE)
    begin(root, wheel)
    for name, text in edits.items():
        (root / name).write_text((root / name).read_text() + f"# {text!r}\n")
    before = content(root)
    here, _ = begin(root, wheel)
    assert content(root) == before
    assert all(
        any(name in note for note in here.screen.warnings)
        for name in set(edits) - {"tagship.toml", "Makefile", "tasks.py"}
    )


@given(
    edits=st.dictionaries(st.sampled_from(MARKED), st.text("ab #\n", min_size=1, max_size=20)),
    old=st.sets(st.sampled_from(MARKED)),
)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_update_brings_up_to_date_what_nobody_edited(
    edits: dict[str, str], old: set[str], tmp_path: Path, wheel: Path
) -> None:
    root = tmp_path / "updated"
    shutil.rmtree(root, ignore_errors=True)
    repository(root, SERVICE)
    begin(root, wheel)
    new = content(root)
    for name in old:
        (root / name).write_bytes(stamped(b"# Written by `tagship init`, long ago.\n"))
    for name, text in edits.items():
        (root / name).write_text((root / name).read_text() + f"# {text!r}\n")
    before = content(root)
    begin(root, wheel)
    assert content(root) == before
    begin(root, wheel, update=True)
    assert content(root) == {name: before[name] if name in edits else new[name] for name in new}


def test_a_new_wheel_comes_with_the_pin_of_its_hash_and_not_without(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    before, old = content(root), wheel.read_bytes()
    wheel.write_bytes(b"another wheel\0")
    here, _ = begin(root, wheel)
    assert content(root) == before
    assert any("tagship.txt is kept as it was written" in note for note in here.screen.warnings)
    begin(root, wheel, update=True)
    assert (root / "vendor" / wheel.name).read_bytes() != old
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in (root / "tagship.txt").read_text()


def test_a_dry_run_shows_what_init_would_make_of_a_file_that_somebody_edited(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    (root / "tagship.mk").write_text((root / "tagship.mk").read_text() + "# ours\n")
    here, _ = begin(root, wheel, dry_run=True)
    assert "keep   tagship.mk; init would write:" in here.screen.lines
    assert "    -# ours" in here.screen.lines


ASKED = 6  # app, branch, kind, runtime, command, health


@pytest.mark.parametrize("answered", range(ASKED + 1))
def test_ctrl_c_at_every_prompt_leaves_nothing(answered: int, tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    before = content(root)
    with pytest.raises(Interrupted):
        begin(root, wheel, *[""] * answered, CTRL_C)
    assert content(root) == before


def test_answers_at_the_prompt_win_over_what_was_found(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    here, _ = begin(root, wheel, "till", "", "", "", "python3 -m till", "", True)
    assert len(here.prompt.asked) == ASKED + 1
    chosen = settings.load(root / "tagship.toml", {})
    assert (chosen.app, chosen.environment("dev").target.model_dump()["command"]) == ("till", ("python3", "-m", "till"))


def test_kind_and_runtime_are_chosen_from_a_list_whose_first_is_what_was_found(tmp_path: Path, wheel: Path) -> None:
    """A line with `service` in it would be typed behind: servicejob."""
    root = repository(tmp_path / "shop", SERVICE)
    here, _ = begin(root, wheel, "", "", "job", "", "", True)
    assert [list(choices) for choices in here.prompt.offered] == [
        ["service", "job", "ecs", "lambda"],
        ["process", "docker"],
    ]
    assert settings.load(root / "tagship.toml", {}).environment("dev").target.model_dump()["kind"] == "job"


def test_without_a_terminal_and_without_yes_nothing_is_written_and_the_flag_is_named(
    tmp_path: Path, wheel: Path
) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    with pytest.raises(UsageError) as caught:
        begin(root, wheel, yes=False, kind="service")
    assert caught.value.remedy == f"Say it: tagship init --kind service --source {wheel} --yes"
    assert set(content(root)) == set(SERVICE)


def test_outside_of_a_repository_it_is_refused(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(Refused, match="is not in a Git repository") as caught:
        begin(tmp_path, wheel)
    assert caught.value.remedy == "Make it one: git init"


# -- where tagship comes from ------------------------------------------------------------------------------------------

AT_A_COMMIT = f"git+https://github.com/acme/tagship@{'ab' * 20}"


def test_a_wheel_is_brought_along_and_pinned_by_its_hash(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    assert (root / "vendor" / wheel.name).read_bytes() == wheel.read_bytes()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"./vendor/{wheel.name} \\\n    --hash=sha256:{digest}\n" in (root / "tagship.txt").read_text()


def test_from_git_it_is_a_line_apart_at_a_commit(tmp_path: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    init(Here(root), source=AT_A_COMMIT, yes=True)
    assert (root / "tagship-source.txt").read_text().splitlines()[1:] == [AT_A_COMMIT]
    assert "git+" not in (root / "tagship.txt").read_text()
    assert "\nhatchling==" in (root / "tagship.txt").read_text()
    for name in ("tagship.mk", ".github/actions/tagship/action.yml"):
        assert "--no-deps --no-build-isolation -r tagship-source.txt" in (root / name).read_text()


def test_from_an_index_it_is_a_version_with_hashes(tmp_path: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    init(Here(root), source="index", hash=f"sha256:{'1' * 64},sha256:{'2' * 64}", yes=True)
    line = f"tagship==0.1.0 \\\n    --hash=sha256:{'1' * 64} \\\n    --hash=sha256:{'2' * 64}\n"
    assert line in (root / "tagship.txt").read_text()


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"source": "index"}, "--hash names none"),
        ({"source": "index", "hash": "md5:1"}, "--hash names none"),
        ({"source": "git+https://github.com/acme/tagship@main"}, "Invalid --source"),
        ({"source": "nothing.whl"}, "cannot be read"),
        ({"source": ""}, "installed from file://.*, which others do not have"),
    ],
)
def test_what_pins_nothing_is_refused(flags: dict[str, str], problem: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    with pytest.raises(TagshipError, match=problem) as caught:
        init(Here(root), yes=True, **flags)
    assert caught.value.remedy
    assert set(content(root)) == set(SERVICE)


# -- the workflow ------------------------------------------------------------------------------------------------------


def test_the_workflow_is_that_of_this_repository_but_for_how_tagship_gets_there(tmp_path: Path, wheel: Path) -> None:
    """One workflow, tried day by day on tagship itself; what `init` writes may not fall behind it."""
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    text = (root / WORKFLOW).read_text()
    own = (
        (ROOT / WORKFLOW)
        .read_text()
        .replace("run: inv ", "run: tagship ")
        .replace("/actions/setup", "/actions/tagship")
    )
    assert yaml.safe_load(text) == yaml.safe_load(own)
    assert text.splitlines()[1:] == own.splitlines()[1:]


def test_each_environment_of_the_settings_gets_a_workflow(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    more = '\n[environments.prod]\nsuffix = ""\n[environments.prod.ec2]\ntags = { a = "b" }\ncommand = ["x"]\n'
    (root / "tagship.toml").write_text((root / "tagship.toml").read_text() + more)
    begin(root, wheel)
    workflow = yaml.safe_load((root / ".github/workflows/deploy-prod.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["[0-9]+.[0-9]+.[0-9]+"]}}
    assert workflow["jobs"]["ship"]["environment"] == "prod"
    assert workflow["concurrency"]["group"] == "deploy-prod"


def test_the_action_installs_from_the_lock_alone_by_actions_that_this_repository_has_pinned(
    tmp_path: Path, wheel: Path
) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    action = yaml.safe_load((root / ".github/actions/tagship/action.yml").read_text())
    first, install, _ = action["runs"]["steps"]
    assert first["uses"] in (ROOT / ".github/actions/setup/action.yml").read_text()
    assert "pip install --quiet --require-hashes --no-deps -r tagship.txt" in install["run"]


def test_an_app_that_is_built_is_built_by_the_workflow_and_comes_with_the_bundle(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {"main.go": 'const path = "/healthz"\n', "go.mod": ""})
    begin(root, wheel, command="bin/shop", include="go.mod", build='go build -o "bin/shop"', built="bin")
    steps = yaml.safe_load((root / WORKFLOW).read_text())["jobs"]["build"]["steps"]
    assert [step["run"] for step in steps if "run" in step][:2] == ['go build -o "bin/shop"', "tagship build"]
    assert list(settings.load(root / "tagship.toml", {}).bundle.built) == ["bin"]
    _, again = begin(root, wheel)
    assert {entry.word for entry in again.files} == {"same"}


def test_what_git_ignores_is_added_by_force(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {**SERVICE, ".gitignore": "vendor/\n*.txt\n"})
    here, _ = begin(root, wheel)
    forced = f"git add --force tagship.txt tagship-sandbox.txt vendor/{wheel.name} && git add . && git commit"
    assert forced in here.screen.text


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "é", "#"])
def test_no_answer_can_break_the_settings(value: str, tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel, branch=f"feature/{value}", include=value)
    table = tomllib.loads((root / "tagship.toml").read_text())
    assert table["environments"]["dev"]["branch"] == f"feature/{value}"
    assert table["bundle"]["include"] == [value]


def test_settings_that_are_wrong_are_said_before_anything_is_written(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {**SERVICE, "tagship.toml": "app = 3\n"})
    with pytest.raises(SettingsError):
        begin(root, wheel)
    assert set(content(root)) == {*SERVICE, "tagship.toml"}


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"runtime": "docker", "command": "python3 app.py"}, "--command: an image has its own command"),
        ({"image": "registry.example/shop"}, "--image: is for runtime docker"),
        ({"kind": "job", "health": "/ping"}, "--health: a job has none"),
        ({"kind": "cron"}, "--kind: use service or job or ecs or lambda"),
        ({"kind": "ecs", "health": "/ping"}, "--health: a service of ECS says it by health, in tagship.toml"),
        ({"kind": "ecs", "runtime": "process"}, "--runtime: use docker"),
        ({"kind": "ecs", "service": "a service"}, "--service: use letters, digits, hyphens and underscores"),
        ({"kind": "lambda", "cluster": "shop"}, "--cluster: is for kind ecs"),
        ({"kind": "lambda", "runtime": "docker", "handler": "a.b"}, "--handler: is for a function of a zip file"),
        ({"function": "shop"}, "--function: is for kind lambda"),
        ({"name": "Shop!"}, "--app: use small letters, digits and hyphens"),
        ({"command": "echo 'open"}, "--command: no closing quotation"),
    ],
)
def test_no_flag_is_dropped_in_silence(flags: dict[str, str], problem: str, tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    with pytest.raises(UsageError, match=problem):
        begin(root, wheel, **flags)
    assert set(content(root)) == set(SERVICE)


def test_an_answer_that_the_settings_have_already_is_refused(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    with pytest.raises(UsageError, match=r"--kind is for a repository without tagship\.toml") as caught:
        begin(root, wheel, kind="job")
    assert caught.value.remedy == f"Change it in tagship.toml, then: tagship init --source {wheel} --yes"


# -- tags with a prefix, and apps in folders --------------------------------------------------------------------------


def committed(root: Path, *tags: str) -> Path:
    git(root, "-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "Begin")
    for tag in tags:
        git(root, "tag", tag)
    return root


def patterns(root: Path, name: str) -> list[str]:
    workflow = yaml.safe_load((root / ".github/workflows" / name).read_text())
    return list(workflow[True]["push"]["tags"])  # `on` is a boolean to YAML 1.1


@pytest.mark.parametrize(
    ("tags", "prefix"),
    [(("v1.2.3", "v1.3.0", "0.1.0"), "v"), (("release-1.0.0",), "release-"), (("1.0.0",), ""), ((), None)],
)
def test_the_prefix_of_the_tags_there_are_is_written(
    tmp_path: Path, wheel: Path, tags: tuple[str, ...], prefix: str | None
) -> None:
    root = committed(repository(tmp_path / "shop", SERVICE), *tags)
    begin(root, wheel)
    made = settings.load(root / "tagship.toml", {})
    assert made.tags.prefix == (prefix or "")
    assert ("prefix" in made.tags.model_fields_set) == (prefix is not None)
    assert patterns(root, "deploy-dev.yml") == [f"{prefix or ''}*-dev"]


def test_a_prefix_may_be_said_and_is_held_to_what_the_settings_take(tmp_path: Path, wheel: Path) -> None:
    root = committed(repository(tmp_path / "shop", SERVICE))
    with pytest.raises(UsageError, match="--prefix: use letters and digits"):
        begin(root, wheel, prefix="-x")
    with pytest.raises(UsageError, match="--prefix: the version begins with a digit"):
        begin(root, wheel, prefix="v2")
    begin(root, wheel, prefix="shop/v")
    assert settings.load(root / "tagship.toml", {}).tag("0.1.0-dev") == "shop/v0.1.0-dev"


def test_apps_in_folders_have_files_of_their_own_and_workflows_at_the_top(tmp_path: Path, wheel: Path) -> None:
    files = {f"services/{app}/{name}": text for app in ("api", "web") for name, text in SERVICE.items()}
    root = committed(repository(tmp_path / "shop", files), "web-v1.0.0")
    for app, prefix in (("api", "api-"), ("web", "web-v")):
        begin(root / "services" / app, wheel, own_folder=True)
        made = settings.load(root / "services" / app / "tagship.toml", {})
        assert (made.app, made.tags.prefix, made.workflow("dev")) == (app, prefix, f"{app}-deploy-dev.yml")
        workflow = yaml.safe_load((root / f".github/workflows/{app}-deploy-dev.yml").read_text())
        assert workflow[True] == {"push": {"tags": [f"{prefix}*-dev"]}}
        assert workflow["defaults"]["run"]["working-directory"] == f"services/{app}"
        assert workflow["concurrency"]["group"] == f"{app}-deploy-dev"
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        used = {step["uses"] for step in steps if step.get("uses", "").startswith("./")}
        assert used == {f"./services/{app}/.github/actions/tagship"}
        assert (root / used.pop() / "action.yml").is_file()
        assert {step["with"]["path"] for step in steps if "path" in step.get("with", {})} == {
            f"services/{app}/.tagship/build"
        }
        roles = {step["with"]["role-to-assume"] for step in steps if "role-to-assume" in step.get("with", {})}
        name = app.upper()
        assert roles == {f"${{{{ vars.AWS_ROLE_ARN_{name} }}}}", f"${{{{ vars.AWS_NOTIFY_ROLE_ARN_{name} }}}}"}
    assert not (root / "tagship.toml").exists()
    assert not (root / "services/api/.github/workflows").exists()


def test_init_goes_on_with_the_app_of_the_folder_that_it_is_asked_from(tmp_path: Path, wheel: Path) -> None:
    files = {f"api/{name}": text for name, text in SERVICE.items()}
    root = committed(repository(tmp_path / "shop", files))
    begin(root / "api", wheel, own_folder=True)
    before = content(root)
    begin(root / "api/lib", wheel)
    assert content(root) == before
    here, _ = begin(root, wheel, command="python3 x.py", include="api", dry_run=True)
    assert f"In {root}:" in here.screen.lines


def test_pipelines_in_a_folder_start_for_what_changed_there(tmp_path: Path, wheel: Path) -> None:
    root = committed(repository(tmp_path / "shop", {f"api/{name}": text for name, text in SERVICE.items()}))
    begin(root / "api", wheel, own_folder=True)
    text = (root / "api/tagship.toml").read_text()
    more = "".join(
        f'[environments.{name}]\nbranch = "main"\nec2.command = ["x"]\nec2.tags = {{ a = "{name}" }}\n'
        for name in ("preprod", "prod")
    )
    (root / "api/tagship.toml").write_text(f'{text}[promotion]\norder = ["dev", "preprod", "prod"]\n{more}')
    begin(root / "api", wheel)
    workflows = root / ".github/workflows"
    pushed = yaml.safe_load((workflows / "api-build-and-promote.yml").read_text())[True]["push"]
    assert pushed["paths"] == ["api/**", ".github/workflows/api-*"]
    promoted = yaml.safe_load((workflows / "api-deploy-prod.yml").read_text())
    assert promoted[True]["workflow_run"]["workflows"] == ["api-build-and-promote"]
    for file in workflows.glob("api-*.yml"):
        assert yaml.safe_load(file.read_text())["defaults"]["run"]["working-directory"] == "api", file.name


# -- previews ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [  # a service of ECS runs an image
        ("service", "process"), ("service", "docker"), ("job", "process"), ("job", "docker"), ("ecs", "docker"),
        ("lambda", "process"), ("lambda", "docker"),
    ],
)  # fmt: skip
def test_previews_are_begun_for_each_kind_with_names_of_their_own(
    tmp_path: Path, wheel: Path, kind: str, runtime: str
) -> None:
    root = repository(tmp_path / "shop", {**SERVICE, "Dockerfile": "FROM x\n"} if runtime == "docker" else SERVICE)
    here, _ = begin(root, wheel, kind=kind, runtime=runtime, previews=True)
    chosen = settings.load(root / "tagship.toml", {})
    preview, dev = chosen.environment("pr-51"), chosen.environment("dev")
    assert type(preview.target) is type(dev.target)
    own = [*preview.target.stack_functions, *preview.target.stack_services, *preview.target.resource_tags.values()]
    assert any("pr-51" in name for name in own)
    if runtime == "docker":
        assert preview.image.repository == f"{dev.image.repository}-previews"
    assert {"preview.yml", "preview-sweep.yml"} <= {path.name for path in (root / ".github/workflows").iterdir()}
    assert any(
        "`remove` takes that away; until it is named, closing a preview fails" in row for row in here.screen.lines
    )


def test_previews_that_are_begun_make_the_stack_of_their_role(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel, kind="lambda", previews=True)
    app = FakeApp(root=root, settings=settings.load(root / "tagship.toml", {}), given={"foundation": FakeFoundation()})
    wanted = environment_stack(app, "previews", {}, "", ("", ""))  # type: ignore[arg-type]
    assert "function:shop-pr-*" in wanted.template


def test_closing_a_preview_fails_until_its_tool_is_named(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel, previews=True)
    shell, option, script = settings.load(root / "tagship.toml", {}).previews.remove
    assert (shell, option) == ("sh", "-c")
    assert script == "echo 'previews.remove in tagship.toml names no tool yet' >&2; exit 1"


def test_previews_in_a_folder_name_its_workflows(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", {})
    (root / "api").mkdir()
    (root / "api/app.py").write_text("")
    here = Here(root / "api", FakePrompt(possible=False))
    init(here, source=str(wheel), yes=True, own_folder=True, previews=True, command="python3 app.py", name="api")
    chosen = settings.load(root / "api/tagship.toml", {})
    written = {path.name for path in (root / ".github/workflows").iterdir()}
    assert {chosen.previews.workflow, chosen.previews.sweep_workflow} <= written
    assert not any("AWS will trust jobs of" in note for note in here.screen.warnings)


def test_previews_of_settings_that_are_there_are_the_teams_to_write(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    before = content(root)
    with pytest.raises(UsageError, match=r"--previews writes \[previews\] into a new tagship\.toml") as caught:
        begin(root, wheel, previews=True)
    assert caught.value.remedy.endswith("as docs/previews.md has it; then, for the workflows: tagship init")
    assert content(root) == before
