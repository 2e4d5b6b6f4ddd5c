"""What one job hands to another by upload-artifact and download-artifact, and what these refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.uses import use
from tagship.sandbox.actions.workflow import parse

RUN = RunRecord(1, 1, "w", "w.yml", "refs/tags/0.1.0-dev", "0.1.0-dev", "c0ffee", "t")
WORKFLOW = "on: push\njobs: {{a: {{steps: [{{uses: {uses}, with: {given}}}]}}}}\n"


def perform(uses: str, given: dict[str, Any], run: Path, job: str) -> Path:
    """One step in a job's workspace."""
    workspace = run / job / "workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    [step] = parse("w.yml", WORKFLOW.format(uses=uses, given=given)).jobs["a"].steps
    use(step, Place(run, run / "origin.git", "sandbox/tiny", "http://x"), workspace, RUN, run / "log")
    return workspace


def upload(run: Path, job: str = "build", **given: Any) -> None:
    perform("actions/upload-artifact@v7", {"name": "built", "path": "out", **given}, run, job)


def download(run: Path, job: str = "ship", **given: Any) -> Path:
    return perform("actions/download-artifact@v8", {"name": "built", "path": "in", **given}, run, job)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose job `build` has two files, and a hidden folder."""
    for name in ("out/a.json", "out/deep/b", ".hidden/c"):
        file = tmp_path / "build/workspace" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def test_a_folder_goes_from_one_job_to_another(run: Path) -> None:
    upload(run)
    workspace = download(run)
    assert {str(path.relative_to(workspace)) for path in workspace.rglob("*") if path.is_file()} == {
        "in/a.json",
        "in/deep/b",
    }


def test_hidden_files_are_handed_over_if_that_is_asked(run: Path) -> None:
    with pytest.raises(NotUnderstood, match="No files were found"):
        upload(run, path=".hidden")
    upload(run, **{"path": ".hidden", "include-hidden-files": "true"})
    assert (download(run) / "in/c").read_text() == ".hidden/c"


def test_what_is_not_there_is_an_error(run: Path) -> None:
    with pytest.raises(NotUnderstood, match="No files were found"):
        upload(run, path="none")
    with pytest.raises(NotUnderstood, match="Artifact not found for name: built"):
        download(run)


def test_a_name_is_given_once_a_run(run: Path) -> None:
    """As on GitHub: another job can't put its files in place of these."""
    upload(run)
    with pytest.raises(NotUnderstood, match="already exists on the workflow run"):
        upload(run)


@pytest.mark.parametrize("name", ["../x", ".x", "${{ github.sha }}"])
def test_a_name_that_is_no_plain_one_is_refused(name: str, run: Path) -> None:
    with pytest.raises(NotUnderstood, match="is not simulated"):
        upload(run, name=name)
