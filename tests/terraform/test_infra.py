"""infra against the sandbox's S3 with the real Terraform: its plans, its locks, and how it dies.

`terraform_data` needs no provider, so nothing is downloaded. Each test has an environment, and so a state, of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.lease import LeaseHeld
from tagship.ports.account import Infrastructure, ToolFailed
from tagship.sandbox.state import Running
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.terraform import FakeTerraform, World
from tests.sandbox.conftest import client, git, sandbox, until
from tests.sandbox.head import head

__all__ = ["sandbox"]  # the fixture

EXAMPLE = Path(__file__).parents[2] / "examples/infra"
MAIN = """\
terraform {
  backend "s3" {}
}
variable "artifact_id" {
  default = "nothing"
}
variable "seconds" {
  default = "0"
}
resource "terraform_data" "release" {
  input            = var.artifact_id
  triggers_replace = var.artifact_id
  provisioner "local-exec" {
    command = "sleep ${var.seconds}"
  }
}
output "release" {
  value = terraform_data.release.output
}
output "password" {
  value     = "hunter2"
  sensitive = true
}
"""
EARLY = """\
terraform {
  backend "s3" {}
}
variable "name" {}
variable "image_uri" {
  default = null
}
resource "terraform_data" "registry" {
  input = var.name
}
resource "terraform_data" "service" {
  input = coalesce(var.image_uri, "none")
}
output "registry" {
  value = terraform_data.registry.output
}
output "service" {
  value = terraform_data.service.output
}
"""
FAILING = 'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
SHOW = """\
import json, os, sys
names = ["ARTIFACT_ID", "DEPLOYMENT_KEY", "IMAGE_TAG", "TF_VAR_artifact_id", "GREETING", "AWS_ENDPOINT_URL"]
print(json.dumps([sys.argv[1:], os.getcwd(), {name: os.environ.get(name) for name in names}]))
"""
NAMES = [
    "first",
    "dry",
    "twice",
    "killed",
    "cirun",
    "asked",
    "bad",
    "half",
    "local",
    "contract",
    "tool",
    "broken",
    "none",
    "inci",
    "example",
    "leased",
    "busy",
    "pinned",
    "early",
    "approved",
    "monitored",
    "placed",
]
PINNED = """
terraform {
  backend "s3" {}
  required_providers {
    null = { source = "hashicorp/null" }
  }
}
output "x" {
  value = 1
}
"""
ENVIRONMENT = """
[environments.{name}]
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "app.py"]
infra = {{ {infra} }}
"""
INFRA = {
    "busy": 'directory = "infra", lock_timeout = 1',
    "example": 'directory = "examples/infra"',
    "bad": 'directory = "bad", lock_timeout = 1',
    "half": 'directory = "half", lock_timeout = 1',
    "local": 'directory = "local"',
    "pinned": 'directory = "pinned"',
    "placed": 'directory = "infra", state_bucket = "{account}-states", state_key = "{region}/{environment}.tfstate"',
    "early": 'directory = "early", var_files = ["early.tfvars"]',
    "tool": 'directory = "tool", command = ["python3", "show.py", "$(id)", "a b"], variables = { GREETING = "`id`" }',
    "broken": 'directory = "tool", command = ["python3", "-c", "import sys; sys.exit(\'no\')"]',
}
WORKFLOW = """\
name: infra
on: {push: {tags: ["*-inci"]}}
permissions: {}
jobs:
  infra:
    runs-on: ubuntu-24.04
    env: {TF_VAR_seconds: "120", PATH: PROGRAMS}
    steps:
      - uses: actions/checkout@v7
        with: {fetch-depth: 0}
      - run: tagship infra
"""
FILES = {
    "infra/main.tf": MAIN,
    ".github/workflows/infra.yml": WORKFLOW.replace(
        "PROGRAMS", json.dumps(f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    ),
    "bad/main.tf": 'terraform {\n  backend "s3" {}\n}\noutput "x" {\n  value = var.nowhere\n}\n',
    "half/main.tf": 'terraform {\n  backend "s3" {}\n}\n' + FAILING,
    "local/main.tf": 'output "x" {\n  value = 1\n}\n',
    "pinned/main.tf": PINNED,
    "early/main.tf": EARLY,
    "early/early.tfvars": 'name = "from the file"\n',
    "tool/show.py": SHOW,
    "deploy/ec2_deploy.sh": "#!/usr/bin/env bash\n",
    "app.py": "print(1)\n",
    ".gitignore": ".tagship\n.terraform*\n",
}


@dataclass(frozen=True)
class Site:
    """A repository inside the sandbox's folder."""

    root: Path
    running: Running

    def publish(self, environment: str, number: str = "0.1.0") -> str:
        version = f"{number}-{environment}"
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", version)
        git(self.root, "tag", "-a", version, "-m", version)
        app = bootstrap.app(self.root)
        bundle(app, artifact=version)
        publish(app, artifact=version)
        return version

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """`tagship …`, as a person or a CI job starts it."""
        dropped = ("GITHUB_", "TAGSHIP_", "TF_VAR_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        command = [sys.executable, "-c", "from tagship.tasks.program import run; run()", *words]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.root, env={**kept, **variables}, **pipes)

    def inv(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **variables)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def object(self, key: str) -> bytes | None:
        found = bootstrap.app(self.root).store.get(key)
        return found.body if found else None

    def lock(self, environment: str) -> dict[str, Any] | None:
        raw = self.object(layout.state("tiny", environment) + ".tflock")
        return json.loads(raw) if raw else None

    def wait_for_apply(self, environment: str) -> dict[str, Any]:
        """Until Terraform holds the lock for an apply."""

        def applying() -> dict[str, Any] | None:
            lock = self.lock(environment)
            return lock if lock and lock["Operation"] == "OperationTypeApply" else None

        found: dict[str, Any] = until(applying, 60)
        return found


@pytest.fixture(scope="module", autouse=True)
def terraform() -> None:
    """The real one: without it these tests prove nothing, so they fail."""
    if not shutil.which("terraform"):
        pytest.fail(
            "These tests want terraform 1.11 or later on PATH: https://developer.hashicorp.com/terraform/install"
        )


@pytest.fixture(scope="module")
def site(sandbox: Running) -> Site:
    root = sandbox.folder / "infra"
    shutil.rmtree(root, ignore_errors=True)
    blocks = (
        ENVIRONMENT.format(name=one, infra=INFRA.get(one, 'directory = "infra", lock_timeout = 60')) for one in NAMES
    )
    for name, text in {"tagship.toml": head("tiny", *blocks), **FILES}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    shutil.copytree(EXAMPLE, root / "examples/infra")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return Site(root, sandbox)


@pytest.fixture(scope="module")
def elsewhere(site: Site) -> Site:
    """Another checkout of the same repository, as another CI job has it."""
    root = site.running.folder / "infra-elsewhere"
    shutil.rmtree(root, ignore_errors=True)
    git(root.parent, "clone", "--quiet", str(site.root), root.name)
    return Site(root, site.running)


def descendants(pid: int) -> dict[int, str]:
    """Every process below one, by its program's name."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [(int(one[0]), int(one[1]), one[2]) for one in (line.split(None, 2) for line in listed.splitlines())]
    found: dict[int, str] = {}
    above = {pid}
    while above:
        below = {one: name for one, parent, name in rows if parent in above and one not in found}
        found |= below
        above = set(below)
    return found


@pytest.fixture
def kill_terraform() -> Iterator[Callable[[int], None]]:
    """SIGKILL to the Terraform below a process, and at the end to what it had started."""
    orphans: list[int] = []

    def kill(above: int) -> None:
        below = descendants(above)
        [terraform] = [pid for pid, name in below.items() if Path(name).name == "terraform"]
        orphans.extend(descendants(terraform))
        os.kill(terraform, signal.SIGKILL)

    yield kill
    for pid in orphans:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


# -- plan, show, apply, outputs ----------------------------------------------------------------------------------------


def test_a_plan_is_shown_and_applied_and_its_outputs_are_captured(site: Site) -> None:
    version = site.publish("first")
    done = site.inv("infra", "--artifact", version, "--json")
    assert done.returncode == 0, done.stderr
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in done.stderr
    assert "Apply complete! Resources: 1 added" in done.stderr
    said = json.loads(done.stdout)
    assert (said["state"], said["artifact"]) == ("applied", version)
    assert said["outputs"]["release"] == {"sensitive": False, "value": version}
    assert said["outputs"]["password"] == {"sensitive": True, "value": None}
    written = site.root / f".tagship/build/{version}/infra-first.json"
    assert json.loads(written.read_text())["outputs"] == said["outputs"]
    assert "hunter2" not in done.stdout + done.stderr + written.read_text()
    assert not written.with_suffix(".tfplan").exists()
    state = site.object("tiny/_infra/first/terraform.tfstate")
    assert state is not None
    assert version.encode() in state
    assert site.lock("first") is None
    assert site.inv("infra", "--artifact", version, "--json").stdout.count('"unchanged"') == 1


def test_the_example_is_applied_as_it_stands(site: Site) -> None:
    version = site.publish("example")
    done = site.inv("infra", "--artifact", version, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["release"]["value"] == {
        "artifact": version,
        "bundle": f"s3://tiny-artifacts/tiny/example/{version}/deploy-bundle.tar.gz",
        "environment": "example",
        "image": "",
    }
    subprocess.run(["terraform", "fmt", "-check", str(EXAMPLE)], check=True)


def test_a_dry_run_plans_and_stops(site: Site) -> None:
    version = site.publish("dry")
    done = site.inv("infra", "--artifact", version, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Plan: 1 to add" in done.stdout
    assert "nothing was applied" in done.stdout
    assert "\x1b" not in done.stdout
    plan = site.root / f".tagship/build/{version}/infra-dry.tfplan"
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert site.object("tiny/_infra/dry/terraform.tfstate") is None
    assert git(site.root, "status", "--porcelain") == ""


def test_a_workspace_or_arguments_of_the_callers_do_not_move_the_state_or_its_lock(site: Site) -> None:
    version = site.publish("none")
    meddling = {"TF_WORKSPACE": "mine", "TF_CLI_ARGS_plan": "-lock=false -nonsense", "AWS_PROFILE": "nobody"}
    done = site.inv("infra", "--artifact", version, **meddling)
    assert done.returncode == 0, done.stderr
    assert site.object("tiny/_infra/none/terraform.tfstate")


# -- two at once -------------------------------------------------------------------------------------------------------


def test_of_two_applies_at_once_the_second_waits_and_goes_on(site: Site, elsewhere: Site) -> None:
    one, two = site.publish("twice"), site.publish("twice", "0.2.0")
    first = site.start("infra", "--artifact", one, TF_VAR_seconds="15")
    held = site.wait_for_apply("twice")
    here = site.inv("infra", "--artifact", two)
    assert here.returncode == 4
    assert "Another run is working on the infrastructure of twice in this checkout." in here.stderr
    second = elsewhere.inv("infra", "--artifact", two, "--json")
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    assert second.returncode == 0, second.stderr
    assert f"{held['Who']} has held the Terraform state of twice since " in second.stderr
    assert "Acquiring state lock. This may take a few moments..." in second.stderr
    assert json.loads(second.stdout)["outputs"]["release"]["value"] == two
    assert site.lock("twice") is None


# -- deployments and freezes -------------------------------------------------------------------------------------------


def test_an_apply_holds_the_environment_so_that_no_deployment_begins(site: Site) -> None:
    version = site.publish("leased")
    first = site.start("infra", "--artifact", version, TF_VAR_seconds="3")
    site.wait_for_apply("leased")
    app = bootstrap.app(site.root)
    with pytest.raises(LeaseHeld, match=f"infra for {version}"):
        app.leases.take("leased", holder="eve@desk", run_url="", ttl=60)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    assert app.leases.take("leased", holder="eve@desk", run_url="", ttl=60).holder == "eve@desk"


def test_while_a_deployment_is_under_way_or_the_environment_is_frozen_nothing_is_applied(site: Site) -> None:
    version = site.publish("busy")
    app = bootstrap.app(site.root)
    hers = app.leases.take("busy", holder="eve@desk", run_url="", ttl=60)
    busy = site.inv("infra", "--artifact", version)
    assert busy.returncode == 4, busy.stderr
    assert "eve@desk has held busy" in busy.stderr
    app.leases.release(hers)
    assert site.inv("freeze", "--env", "busy", "--until", "8h", "--reason", "the sale").returncode == 0
    frozen = site.inv("infra", "--artifact", version)
    assert (frozen.returncode, "the sale" in frozen.stderr) == (4, True), frozen.stderr
    assert site.object("tiny/_infra/busy/terraform.tfstate") is None
    assert site.inv("thaw", "--env", "busy").returncode == 0
    assert site.inv("infra", "--artifact", version).returncode == 0


# -- killed ------------------------------------------------------------------------------------------------------------


def test_a_killed_terraform_leaves_a_lock_that_is_shown_and_freed_by_its_id(site: Site, kill_terraform: Any) -> None:
    version = site.publish("killed")
    run = site.start("infra", "--artifact", version, TF_VAR_seconds="60")
    lock = site.wait_for_apply("killed")
    kill_terraform(run.pid)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 8
    assert "error: terraform apply was killed by signal 9." in err

    [shown] = json.loads(site.inv("infra.lock", "--env", "killed", "--json").stdout)
    assert (shown["state"], shown["id"], shown["who"]) == ("held", lock["ID"], lock["Who"])
    assert (shown["operation"], shown["artifact"]) == ("apply", version)
    command = f"inv infra.unlock --env killed --id {lock['ID']}"
    assert f"if it is dead: {command}" in site.inv("infra.lock", "--env", "killed").stdout

    waiting = site.inv("infra", "--artifact", version, TAGSHIP_ENVIRONMENTS_KILLED_INFRA_LOCK_TIMEOUT="1")
    assert waiting.returncode == 4
    assert f"error: {lock['Who']} has held the Terraform state of killed since " in waiting.stderr
    assert f"next: Wait for it, or if it is dead: {command}" in waiting.stderr

    other = site.inv("infra.unlock", "--env", "killed", "--id", "00000000-0000-0000-0000-000000000000")
    assert other.returncode == 3
    assert "is not the lock on the state of killed" in other.stderr
    assert site.inv("infra.unlock", "--env", "killed", "--id", lock["ID"], "--dry-run").returncode == 0
    assert site.lock("killed") == lock

    freed = site.inv("infra.unlock", "--env", "killed", "--id", lock["ID"])
    assert freed.returncode == 0, freed.stderr
    assert "warning: no CI run is known for this lock" in freed.stderr
    assert site.lock("killed") is None
    assert notes(site, "killed") == []
    assert site.inv("infra", "--artifact", version).returncode == 0


def test_the_lock_of_a_ci_run_that_cannot_be_asked_wants_a_persons_word(site: Site, kill_terraform: Any) -> None:
    version = site.publish("cirun")
    job = {"GITHUB_RUN_ID": "4711", "GITHUB_ACTOR": "octocat", "GITHUB_SERVER_URL": "https://github.com"}
    run = site.start("infra", "--artifact", version, TF_VAR_seconds="60", GITHUB_REPOSITORY="acme/tiny", **job)
    lock = site.wait_for_apply("cirun")
    kill_terraform(run.pid)
    run.communicate(timeout=60)
    unlock = ["infra.unlock", "--env", "cirun", "--id", lock["ID"]]
    refused = site.inv(*unlock)
    assert refused.returncode == 3
    url = "https://github.com/acme/tiny/actions/runs/4711"
    assert f"next: Look at {url}; if it has: inv {' '.join(unlock)} --run-ended" in refused.stderr
    assert "run 4711 (octocat)" in refused.stdout
    assert site.lock("cirun") == lock
    assert site.inv(*unlock, "--run-ended").returncode == 0
    assert site.lock("cirun") is None


def test_the_lock_of_a_ci_run_is_freed_when_it_has_ended_and_not_before(site: Site, kill_terraform: Any) -> None:
    version = site.publish("inci")
    git(site.root, "push", "--quiet", str(site.running.origin), f"refs/tags/{version}")
    lock = site.wait_for_apply("inci")
    unlock = ["infra.unlock", "--env", "inci", "--id", lock["ID"]]
    refused = site.inv(*unlock, "--run-ended")
    assert refused.returncode == 4, refused.stderr
    assert "error: The run that holds the state of inci is still running: " in refused.stderr
    assert site.lock("inci") == lock
    assert "is running)" in site.inv("infra.lock", "--env", "inci").stdout

    kill_terraform(site.running.pid)
    until(lambda: "has ended)" in site.inv("infra.lock", "--env", "inci").stdout, 60)
    freed = site.inv(*unlock)
    assert freed.returncode == 0, freed.stderr
    assert site.lock("inci") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_terraform_ends_by_itself_and_frees_its_lock(site: Site, number: signal.Signals) -> None:
    version = site.publish("asked", f"0.{int(number)}.0")
    run = site.start("infra", "--artifact", version, TF_VAR_seconds="60")
    site.wait_for_apply("asked")
    began = time.monotonic()
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert time.monotonic() - began < 30
    assert "Gracefully shutting down" in out
    assert "now: What was applied before that stays, and is in the state." in err
    assert site.lock("asked") is None
    assert notes(site, "asked") == []


def notes(site: Site, environment: str) -> list[str]:
    app = bootstrap.app(site.root)
    return [one.key for one in app.store.list(layout.at_work("tiny", environment))]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_a_plan_that_fails_changes_nothing_and_says_terraforms_own_words(site: Site) -> None:
    done = site.inv("infra", "--artifact", site.publish("bad"))
    assert done.returncode == 8
    assert "Reference to undeclared input variable" in done.stderr
    assert "now: Nothing was changed." in done.stderr
    assert "next: Fix the cause above, then run it again: inv infra --version 0.1.0-bad --env bad" in done.stderr


def test_an_apply_that_fails_says_that_what_was_applied_stays(site: Site) -> None:
    done = site.inv("infra", "--artifact", site.publish("half"))
    assert done.returncode == 8
    assert "Error running command 'exit 3': exit status 3" in done.stderr
    assert "error: terraform apply failed with exit 1." in done.stderr
    assert "now: What was applied before that stays, and is in the state." in done.stderr
    assert site.lock("half") is None


def test_a_configuration_that_keeps_its_state_on_the_machine_is_refused(site: Site) -> None:
    done = site.inv("infra", "--artifact", site.publish("local"))
    assert done.returncode == 3
    assert "does not keep its state in S3 (backend: none)" in done.stderr
    assert 'terraform { backend "s3" {} }' in done.stderr


def _mirror(folder: Path) -> str:
    """A place that has hashicorp/null, as far as `init` looks at it; returns Terraform's configuration."""
    package = folder / "registry.terraform.io/hashicorp/null/9.9.9/linux_amd64/terraform-provider-null_v9.9.9_x5"
    package.parent.mkdir(parents=True)
    package.write_text(f"#!/bin/sh\n>{folder}/it-ran\nexit 1\n")
    package.chmod(0o755)
    configuration = folder / "terraformrc"
    configuration.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{folder}" }} }}\n')
    return str(configuration)


def test_ci_runs_no_provider_that_the_lock_file_does_not_pin(site: Site, tmp_path: Path) -> None:
    lock = site.root / "pinned/.terraform.lock.hcl"
    assert not lock.exists()
    version = site.publish("pinned")
    done = site.inv("infra", "--artifact", version, "--dry-run", CI="true", TF_CLI_CONFIG_FILE=_mirror(tmp_path))
    assert done.returncode == 3, done.stderr
    assert (
        "Terraform needs providers that pinned/.terraform.lock.hcl does not pin, and CI runs no others." in done.stderr
    )
    assert "terraform -chdir=pinned init -backend=false" in done.stderr
    assert not lock.exists()
    assert not (tmp_path / "it-ran").exists()


def test_without_terraform_it_says_where_it_is_to_be_had(site: Site, tmp_path: Path) -> None:
    done = site.inv("infra", "--artifact", site.publish("none", "0.2.0"), PATH=str(tmp_path))
    assert done.returncode == 3
    assert "error: There is no terraform on PATH." in done.stderr
    assert "next: Install Terraform 1.11 or later" in done.stderr


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ('{"terraform_version": "1.9.8"}', "terraform 1.9.8 is too old: it cannot lock a state in S3."),
        ("Terraform v1.11.4", "terraform did not print its version."),
    ],
)
def test_a_terraform_that_would_not_lock_is_refused(site: Site, tmp_path: Path, said: str, what: str) -> None:
    stand_in = tmp_path / "terraform"
    stand_in.write_text(f"#!/bin/sh\necho '{said}'\n")
    stand_in.chmod(0o755)
    if "0.1.0-first" not in git(site.root, "tag"):
        site.publish("first")
    done = site.inv("infra", "--artifact", "0.1.0-first", PATH=str(tmp_path))
    assert done.returncode == 3
    assert f"error: {what}" in done.stderr


def test_an_artifact_that_is_not_there_stops_it_before_terraform_starts(site: Site) -> None:
    done = site.inv("infra", "--artifact", "9.9.9-first")
    assert done.returncode == 5
    assert "Initializing" not in done.stdout


# -- planned here, approved, applied there -----------------------------------------------------------------------------


def test_the_plan_that_was_approved_is_applied_by_another_checkout_or_none_is(site: Site, elsewhere: Site) -> None:
    version, other = site.publish("approved"), site.publish("approved", "0.2.0")
    made = site.inv("infra.plan", "--version", version, "--store", "--json")
    assert made.returncode == 0, made.stderr
    planned = json.loads(made.stdout)
    assert (planned["has_changes"], planned["changes"][0]["action"]) == (True, "create")
    assert "hunter2" not in made.stdout + made.stderr
    assert site.object("tiny/_infra/approved/terraform.tfstate") is None
    late = json.loads(site.inv("infra.plan", "--version", other, "--store", "--json").stdout)["planned"]
    wrong = elsewhere.inv("infra", "--version", other, "--planned", planned["planned"])
    assert wrong.returncode == 3
    done = elsewhere.inv("infra", "--version", version, "--planned", planned["planned"], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["release"]["value"] == version
    stale = elsewhere.inv("infra", "--version", other, "--planned", late)
    assert stale.returncode == 3, stale.stderr
    assert "error: The state of approved has changed since the plan" in stale.stderr
    assert "now: Nothing was changed." in stale.stderr
    again = site.inv("infra.plan", "--version", version, "--detailed")
    assert again.returncode == 0, again.stderr
    assert not [key.key for key in bootstrap.app(site.root).store.list("tiny/_infra/approved/plans/")]


def test_drift_is_exit_9_and_a_lock_of_somebody_else_does_not_hinder_the_monitor(site: Site, tmp_path: Path) -> None:
    version = site.publish("monitored")
    assert site.inv("infra", "--version", version).returncode == 0
    lock = json.dumps({"ID": "65b132de", "Who": "ada@laptop", "Operation": "OperationTypePlan"}).encode()
    bootstrap.app(site.root).store.create("tiny/_infra/monitored/terraform.tfstate.tflock", lock)
    outputs = tmp_path / "outputs"
    same = site.inv("infra.plan", "--version", version, "--detailed", GITHUB_OUTPUT=str(outputs))
    assert same.returncode == 0, same.stderr
    assert "has_changes=false\n" in outputs.read_text()
    (site.root / "infra/more.tf").write_text('resource "terraform_data" "more" {}\n')
    try:
        drifted = site.inv("infra.plan", "--version", version, "--detailed", GITHUB_OUTPUT=str(outputs))
    finally:
        (site.root / "infra/more.tf").unlink()
    assert drifted.returncode == 9, drifted.stderr
    assert "error: Drift: the infrastructure of monitored is not as its configuration says: 1 to add." in drifted.stderr
    assert f"has_changes=true\nplanned=\nartifact={version}\nsummary=" in outputs.read_text()


def test_the_state_is_in_the_accounts_own_bucket_where_the_settings_say_so(site: Site) -> None:
    s3 = client(site.running, "s3")
    s3.create_bucket(Bucket="123456789012-states")
    version = site.publish("placed")
    done = site.inv("infra", "--version", version)
    assert done.returncode == 0, done.stderr
    assert (
        version.encode() in s3.get_object(Bucket="123456789012-states", Key="us-east-1/placed.tfstate")["Body"].read()
    )
    free = site.inv("infra.lock", "--env", "placed")
    assert "nobody holds the Terraform state of placed" in free.stdout


# -- another tool ------------------------------------------------------------------------------------------------------


def test_a_command_gets_its_words_as_they_are_and_the_artifacts_names(site: Site) -> None:
    version = site.publish("tool")
    done = site.inv("infra", "--artifact", version, IMAGE_TAG="of-another-build")
    assert done.returncode == 0, done.stderr
    [line] = [one for one in done.stdout.splitlines() if one.startswith("[[")]
    words, where, names = json.loads(line)
    assert words == ["$(id)", "a b"]
    assert Path(where).name == "tool"
    assert names["ARTIFACT_ID"] == names["TF_VAR_artifact_id"] == version
    assert names["DEPLOYMENT_KEY"] == f"tiny/tool/{version}/deploy-bundle.tar.gz"
    assert names["GREETING"] == "`id`"
    assert names["IMAGE_TAG"] is None
    assert names["AWS_ENDPOINT_URL"] == site.running.aws_url


def test_a_command_that_fails_fails(site: Site) -> None:
    done = site.inv("infra", "--artifact", site.publish("broken"))
    assert done.returncode == 8
    assert done.stderr.startswith("| no\nerror: python3 failed with exit 1.")


def test_a_registry_is_made_before_there_is_an_artifact_with_the_variables_of_a_file(site: Site) -> None:
    """Nothing else is: and what was made is no change of the whole run later."""
    done = site.inv("infra", "--env", "early", "--target", "terraform_data.registry", "--json")
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)["outputs"]
    assert outputs["registry"]["value"] == "from the file"
    assert not outputs.get("service", {}).get("value")
    done = site.inv("infra", "--artifact", site.publish("early"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["service"]["value"] == "none"
    assert "terraform_data.registry will be" not in done.stderr + done.stdout


# -- the contract that the fake is held to -----------------------------------------------------------------------------

Made = Callable[[], Infrastructure]


@pytest.fixture(params=["fake", "terraform"])
def tool(request: pytest.FixtureRequest, site: Site) -> Made:
    """A way to come to the same state again, as another run would."""
    if request.param == "fake":
        world = World()
        return lambda: FakeTerraform(world)
    delete_all(site, "tiny/_infra/contract/")
    return lambda: bootstrap.app(site.root).infrastructure("contract")


def delete_all(site: Site, prefix: str) -> None:
    s3 = client(site.running, "s3")
    for one in s3.list_objects_v2(Bucket="tiny-artifacts", Prefix=prefix).get("Contents", ()):
        s3.delete_object(Bucket="tiny-artifacts", Key=one["Key"])


def wanting(version: str) -> dict[str, str | None]:
    return {"TF_VAR_artifact_id": version}


def test_a_plan_is_applied_once_and_then_there_is_nothing_to_do(tool: Made, tmp_path: Path) -> None:
    run = tool()
    run.prepare()
    assert not run.outputs()
    assert run.plan(tmp_path / "plan", wanting("0.1.0"))
    run.apply(tmp_path / "plan", wanting("0.1.0"))
    assert not run.plan(tmp_path / "plan", wanting("0.1.0"))
    assert run.outputs()["release"].value == "0.1.0"
    assert run.outputs()["password"].sensitive


def test_a_plan_is_summed_up_without_its_values_and_needs_no_lock(tool: Made, tmp_path: Path) -> None:
    run = tool()
    run.prepare()
    assert run.plan(tmp_path / "plan", wanting("0.1.0"), lock=False)
    assert [(change.address, change.action) for change in run.summary(tmp_path / "plan").changes] == [
        ("terraform_data.release", "create")
    ]
    run.apply(tmp_path / "plan", wanting("0.1.0"))
    assert not run.plan(tmp_path / "plan", wanting("0.1.0"), lock=False)
    assert run.summary(tmp_path / "plan").sentence == "nothing to change"
    assert run.plan(tmp_path / "plan", wanting("0.2.0"), lock=False)
    assert [change.action for change in run.summary(tmp_path / "plan").changes] == ["replace"]


def test_a_plan_that_another_run_overtook_is_stale(tool: Made, tmp_path: Path) -> None:
    one, two = tool(), tool()
    one.prepare()
    assert one.plan(tmp_path / "one", wanting("0.1.0"))
    assert two.plan(tmp_path / "two", wanting("0.2.0"))
    one.apply(tmp_path / "one", wanting("0.1.0"))
    with pytest.raises(ToolFailed) as caught:
        two.apply(tmp_path / "two", wanting("0.2.0"))
    assert caught.value.kind == "stale"


def test_a_state_that_another_run_has_is_locked(tool: Made, site: Site, tmp_path: Path) -> None:
    run = tool()
    run.prepare()
    if isinstance(run, FakeTerraform):
        run.world.locked = True
    else:
        lock = {"ID": "65b132de", "Who": "ada@laptop", "Operation": "OperationTypePlan"}
        bootstrap.app(site.root).store.create(
            "tiny/_infra/contract/terraform.tfstate.tflock", json.dumps(lock).encode()
        )
        object.__setattr__(run, "lock_timeout", 0)
    with pytest.raises(ToolFailed) as caught:
        run.plan(tmp_path / "plan", wanting("0.1.0"))
    assert caught.value.kind == "locked"
