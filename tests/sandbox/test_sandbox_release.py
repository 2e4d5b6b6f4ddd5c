"""release.yml of this repository, its jobs run by the sandbox's runner: in which order, with what handed over, or not.

`inv` is a stand-in here: what its verbs do is tested in tests/package/test_own_release.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.runner import Runner
from tests.sandbox.conftest import git, repository, until

WORKFLOW = ".github/workflows/release.yml"
TOP = Path(__file__).parents[2]
SETUP = """\
name: setup
description: A stand-in for tagship
runs:
  using: composite
  steps:
    - {{shell: bash, run: 'echo "{bin}" >>"$GITHUB_PATH"'}}
"""
INV = """\
#!/bin/sh
echo "$*" >>"{log}"
if [ -e "{bin}/fails-$1" ]; then exit 3; fi
case $1 in
release.build)
  mkdir dist && echo "the wheel" >dist/tagship-0.2.0-py3-none-any.whl && echo "the rest" >dist/tagship-0.2.0.tar.gz
  echo built=0123abcd >>"$GITHUB_OUTPUT" ;;
release.publish)
  test "$(cat dist/tagship-0.2.0-py3-none-any.whl)" = "the wheel" && test -n "$GITHUB_TOKEN" ;;
esac
"""


@dataclass
class Release:
    """The workflow on a bare origin, with a stand-in for its commands; what these were asked."""

    runner: Runner
    work: Path
    bin: Path

    @property
    def asked(self) -> list[str]:
        log = self.bin / "log"
        return log.read_text().splitlines() if log.exists() else []

    def push(self, tag: str) -> None:
        git(self.work, "tag", "-a", tag, "-m", tag)
        git(self.work, "push", "--quiet", "origin", f"refs/tags/{tag}")
        self.runner.pushed([("0" * 40, git(self.work, "rev-parse", f"{tag}^{{}}"), f"refs/tags/{tag}")])

    def ended(self) -> RunRecord:
        def look() -> list[RunRecord]:
            return [run for run in self.runner.records.runs if run.status == "completed"]

        [run] = until(look)
        return run  # type: ignore[no-any-return]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    yield from running(tmp_path, "inv", INV, (WORKFLOW, (TOP / WORKFLOW).read_text("utf-8")), ".github/actions/setup")


def running(tmp_path: Path, name: str, program: str, flow: tuple[str, str], action: str) -> Iterator[Release]:
    """Run a workflow with a program in place of the one that it names."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / name).write_text(program.format(bin=bin_, log=bin_ / "log"))
    (bin_ / name).chmod(0o755)
    files = {flow[0]: flow[1], f"{action}/action.yml": SETUP.format(bin=bin_)}
    work, folder = repository(tmp_path / "work", files), tmp_path / ".tagship/sandbox"
    for part in ("inbox", "runs"):
        (folder / part).mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(folder / "origin.git"))
    git(work, "remote", "add", "origin", str(folder / "origin.git"))
    runner = Runner(folder, "sandbox/tiny")
    runner.start("http://127.0.0.1:9", "token")
    yield Release(runner, work, bin_)
    runner.stop()


def jobs(run: RunRecord) -> dict[str, str]:
    return {job.key: job.conclusion for job in run.jobs}


def test_a_final_tag_is_built_attested_and_published_by_the_digest_of_what_was_built(release: Release) -> None:
    release.push("0.2.0")
    run = release.ended()
    assert jobs(run) == {"build": "success", "attest": "success", "publish": "success"}
    assert release.asked == ["release.build", "release.publish --built 0123abcd"]


def test_what_is_not_built_is_neither_attested_nor_published(release: Release) -> None:
    (release.bin / "fails-release.build").touch()
    release.push("0.2.0")
    assert jobs(release.ended()) == {"build": "failure", "attest": "skipped", "publish": "skipped"}
    assert release.asked == ["release.build"]


def test_a_release_that_cannot_be_published_fails_after_its_attestation(release: Release) -> None:
    (release.bin / "fails-release.publish").touch()
    release.push("0.2.0")
    assert jobs(release.ended()) == {"build": "success", "attest": "success", "publish": "failure"}


@pytest.mark.parametrize("tag", ["0.2.0-dev", "0.2.0-rc.1", "v0.2.0"])
def test_no_other_tag_is_a_release(tag: str, release: Release) -> None:
    release.push(tag)
    assert release.runner.records.runs == []
