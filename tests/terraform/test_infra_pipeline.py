"""The workflow that `init` writes for infrastructure, and the one of docs/infra.md that applies what was approved.

Every job's steps are run in the sandbox with the real Terraform: a pull request's plan and its comment, the approved
apply, drift at night, and how each fails. `terraform_data` needs no provider, so nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.scaffold.files import ACTION
from tagship.scaffold.pipelines import of_settings
from tagship.settings import load
from tests.journeys.test_promote import typed
from tests.sandbox import shop
from tests.sandbox.conftest import git, start
from tests.sandbox.pipelines import SETUP, Team

pytestmark = pytest.mark.xdist_group("infra_pipeline")  # one sandbox for both
INFRA = '[environments.dev.infra]\ndirectory = "infra"\nlock_timeout = 5\n'
MAIN = """\
terraform {
  backend "s3" {}
}
variable "artifact_id" {
  default = "nothing"
}
resource "terraform_data" "release" {
  input = var.artifact_id
}
"""
MORE = 'resource "terraform_data" "queue" {\n  input = "jobs"\n}\n'
PINS = (
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"),
    ("hashicorp/setup-terraform", "dfe3c3f87815947d99a8997f908cb6525fc44e9e # v4.0.1"),
    ("aws-actions/configure-aws-credentials", "e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3"),
)
READY = f"""
      - uses: {PINS[0][0]}@{PINS[0][1]}
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: ./{ACTION}
      - uses: {PINS[1][0]}@{PINS[1][1]}
      - uses: {PINS[2][0]}@{PINS[2][1]}
        with:
          role-to-assume: arn:aws:iam::123456789012:role/ci
          aws-region: us-east-1
"""
APPLY = f"""\
name: apply
on:
  workflow_dispatch:
    inputs:
      version:
        required: true
permissions: {{}}
jobs:
  plan:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
      id-token: write
    outputs:
      planned: ${{{{ steps.plan.outputs.planned }}}}
    env:
      VERSION: ${{{{ inputs.version }}}}
    steps:{READY}\
      - id: plan
        run: tagship infra.plan --version "$VERSION" --env dev --store
  apply:
    needs: plan
    environment: dev-approval
    runs-on: ubuntu-24.04
    permissions:
      contents: read
      id-token: write
    env:
      VERSION: ${{{{ inputs.version }}}}
    steps:{READY}\
      - run: tagship infra --version "$VERSION" --env dev --planned "$PLANNED"
        env:
          PLANNED: ${{{{ needs.plan.outputs.planned }}}}
"""
PLANNED = {"plan-dev": "success", "tell-dev": "success", "drift-dev": "skipped"}


@dataclass
class Operators(Team):
    """People who change infrastructure by pull requests."""

    @classmethod
    def begin(cls, folder: Path) -> Self:
        root = shop.make(folder, ["dev"], {"dev": INFRA})
        files = {f"{ACTION}/action.yml": SETUP, "infra/main.tf": MAIN, ".github/workflows/apply.yml": APPLY}
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "utf-8")
        for name, content in of_settings(load(root / "tagship.toml", {}), ACTION).of_infrastructure():
            (root / ".github/workflows" / name).write_bytes(content)
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", "Plan infrastructure")
        return cls(root, start(root))

    def proposes(self, number: int, text: str, *, owner: str = "sandbox/hello") -> dict[str, Any]:
        """Open a pull request, or push to it; the run that GitHub starts."""
        before = len(self.runs("infra"))
        git(self.work, "checkout", "--quiet", "-B", f"feature-{number}", "main")
        (self.work / "infra/main.tf").write_text(text, "utf-8")
        git(self.work, "commit", "--quiet", "--allow-empty", "--all", "-m", "Change the infrastructure")
        git(self.work, "push", "--quiet", "--force", "origin", f"feature-{number}")
        pull = {
            "number": number,
            "state": "open",
            "head": {
                "ref": f"feature-{number}",
                "sha": git(self.work, "rev-parse", "HEAD"),
                "repo": {"full_name": owner},
            },
            "base": {"ref": "main", "sha": git(self.work, "rev-parse", "main"), "repo": {"full_name": "sandbox/hello"}},
        }
        value = {"action": "synchronize", "number": number, "pull_request": pull}
        self.report("pull_request", value, f"refs/pull/{number}/merge")
        return self.ended("infra", before + 1)[-1]

    def night(self) -> dict[str, Any]:
        """Have the schedule look for drift; its run."""
        before = len(self.runs("infra"))
        self.report("schedule", {})
        return self.ended("infra", before + 1)[-1]

    def comments(self, number: int) -> list[str]:
        return [comment["body"] for comment in self.ask("GET", f"/issues/{number}/comments")]

    def applies(self, version: str) -> dict[str, Any]:
        """Start the apply by hand; the run, which waits for its approval."""
        count = len(self.runs("apply"))
        self.dispatch("apply.yml", version=version)

        def look() -> dict[str, Any] | None:
            runs = self.runs("apply")
            waits = len(runs) > count and self.jobs(runs[-1]).get("apply") in {"waiting", "skipped"}
            return runs[-1] if waits else None

        run: dict[str, Any] = self.until(look)
        return run

    def state(self) -> bytes:
        stored = bootstrap.app(self.root).store.get(layout.state("hello", "dev"))
        return stored.body if stored else b""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with Operators.at_work(tmp_path_factory.mktemp("pipeline"), "dev-approval") as made:
        yield made


def test_a_change_goes_from_a_pull_request_to_an_approved_apply_until_nothing_drifts(team: Operators) -> None:
    _planned_and_told_in_one_comment_that_changes_with_the_pull_request(team)
    _what_nobody_has_applied_is_drift(team)
    _a_rejected_apply_changes_nothing_and_the_approved_one_applies_that_very_plan(team)
    _a_plan_that_was_overtaken_is_stale_and_applies_nothing(team)


def _planned_and_told_in_one_comment_that_changes_with_the_pull_request(team: Operators) -> None:
    run = team.proposes(51, MAIN + "# a queue is to come\n")
    assert team.jobs(run) == PLANNED, team.page(run)
    [comment] = team.comments(51)
    assert "1 to add" in comment
    run = team.proposes(51, MAIN + MORE)
    assert team.jobs(run) == PLANNED, team.page(run)
    [comment] = team.comments(51)
    assert "2 to add" in comment
    assert "jobs" not in comment  # no value is in it
    assert team.state() == b""


def test_a_plan_that_fails_tells_nobody_and_a_forks_has_no_job(team: Operators) -> None:
    run = team.proposes(52, 'resource "terraform_data" {')
    assert team.jobs(run) == {"plan-dev": "failure", "tell-dev": "skipped", "drift-dev": "skipped"}
    assert "error: " in team.page(run)
    assert team.comments(52) == []
    run = team.proposes(53, MAIN + MORE, owner="mallory/hello")
    assert set(team.jobs(run).values()) == {"skipped"}
    assert team.comments(53) == []


def _what_nobody_has_applied_is_drift(team: Operators) -> None:
    run = team.night()
    assert team.jobs(run) == {"plan-dev": "skipped", "tell-dev": "skipped", "drift-dev": "failure"}
    assert "Drift: the infrastructure of dev is not as its configuration says" in team.page(run)


def _a_rejected_apply_changes_nothing_and_the_approved_one_applies_that_very_plan(team: Operators) -> None:
    version = team.place("dev").publish("0.1.0")
    git(team.root, "push", "--quiet", "--tags", str(team.running.origin), "HEAD:refs/heads/main")
    git(team.work, "fetch", "--quiet", "--tags", "origin")
    rejected = team.applies(version)
    assert bootstrap.app(team.root).leases.look("dev") is None, "who waits for an approval keeps nobody out"
    team.review(rejected, "rejected")
    assert team.complete(rejected) == {"plan": "success", "apply": "failure"}, team.page(rejected)
    assert team.state() == b""
    approved = team.applies(version)
    team.review(approved)
    assert team.complete(approved) == {"plan": "success", "apply": "success"}, team.page(approved)
    assert version.encode() in team.state()
    typed(team.root, "deploy", "--version", version)
    run = team.night()
    assert team.jobs(run)["drift-dev"] == "success", team.page(run)


def _a_plan_that_was_overtaken_is_stale_and_applies_nothing(team: Operators) -> None:
    version = team.place("dev").publish("0.1.1")
    git(team.root, "push", "--quiet", "--tags", str(team.running.origin), "HEAD:refs/heads/main")
    waiting = team.applies(version)
    other = team.place("dev").publish("0.1.2")
    git(team.root, "push", "--quiet", "--tags", str(team.running.origin), "HEAD:refs/heads/main")
    overtaking = team.applies(other)
    team.review(overtaking)
    assert team.complete(overtaking)["apply"] == "success", team.page(overtaking)
    before = team.state()
    team.review(waiting)
    assert team.complete(waiting) == {"plan": "success", "apply": "failure"}
    assert "stale" in team.page(waiting)
    assert team.state() == before
