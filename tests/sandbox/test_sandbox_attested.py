"""A team's workflow whose job `attest` has GitHub sign what was built, its jobs run by the sandbox's runner.

`tagship` is a stand-in here, and nobody signs: the runner looks whether the job may, and whether it finds what to sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.scaffold.files import ACTION, workflow
from tagship.scaffold.pipelines import Attesting
from tests.sandbox.test_sandbox_release import Release, jobs, running

TAGSHIP = """\
#!/bin/sh
echo "$*" >>"{log}"
if [ -e "{bin}/fails-$1" ]; then exit 3; fi
case $1 in
validate) printf '%s\\n' should_deploy=true environment=dev version=0.1.0-dev >>"$GITHUB_OUTPUT" ;;
bundle)
  mkdir -p .tagship/build/0.1.0-dev
  if [ ! -e "{bin}/nothing" ]; then echo "the bundle" >.tagship/build/0.1.0-dev/deploy-bundle.tar.gz; fi
  echo "more" >.tagship/build/0.1.0-dev/more
  echo built=0123abcd >>"$GITHUB_OUTPUT" ;;
publish)
  test "$(cat .tagship/build/0.1.0-dev/deploy-bundle.tar.gz)" = "the bundle" && test -n "$GITHUB_TOKEN" || exit 1
  echo "0123  registry.example/hello" >.tagship/build/images.sha256 ;;
esac
"""
SHIPPED = ["publish --built 0123abcd", "deploy --wait 30m", "verify"]
WELL = dict.fromkeys(("validate", "build", "attest", "ship", "notify"), "success")


@pytest.fixture(params=[False, True], ids=["files", "images too"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Release]:
    text = workflow("dev", "dev", attest=Attesting(images=request.param)).decode()
    yield from running(tmp_path, "tagship", TAGSHIP, (".github/workflows/deploy-dev.yml", text), ACTION)


def test_what_was_built_is_attested_before_a_job_with_an_identity_of_aws_takes_it(team: Release) -> None:
    team.push("0.1.0-dev")
    assert jobs(team.ended()) == WELL
    assert team.asked == ["validate", "build", "bundle", *SHIPPED, "notify"]


def test_what_cannot_be_attested_is_not_shipped_and_somebody_is_told(team: Release) -> None:
    (team.bin / "nothing").touch()
    team.push("0.1.0-dev")
    assert jobs(team.ended()) == WELL | {"attest": "failure", "ship": "skipped"}
    assert team.asked == ["validate", "build", "bundle", "notify"]


def test_what_is_not_built_is_not_attested(team: Release) -> None:
    (team.bin / "fails-build").touch()
    team.push("0.1.0-dev")
    assert jobs(team.ended()) == WELL | {"build": "failure", "attest": "skipped", "ship": "skipped"}
    assert team.asked == ["validate", "build", "notify"]
