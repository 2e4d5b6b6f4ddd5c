"""What one job hands to another by upload-artifact and download-artifact, and what these refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.uses import Ground, use
from tagship.sandbox.actions.workflow import parse

RUN = RunRecord(1, 1, "w", "w.yml", "refs/tags/0.1.0-dev", "0.1.0-dev", "c0ffee", "t")
WORKFLOW = "on: push\njobs: {{a: {{steps: [{{uses: {uses}, with: {given}}}]}}}}\n"


def perform(uses: str, given: dict[str, Any], run: Path, job: str) -> Path:
    """One step in a job's workspace."""
    parsed = parse("w.yml", WORKFLOW.format(uses=uses, given=given)).jobs["a"]
    ground = Ground(Place(run, run / "origin.git", "sandbox/tiny", "http://x"), RUN, parsed, run / job)
    ground.workspace.mkdir(parents=True, exist_ok=True)
    use(parsed.steps[0], ground, run / "log")
    return ground.workspace


def upload(run: Path, job: str = "build", **given: Any) -> None:
    asked = {"name": "built", "path": "out", "if-no-files-found": "error", **given}
    perform("actions/upload-artifact@v7", asked, run, job)


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


ATTEST = "actions/attest-build-provenance@v4"
GRANTED = "{{permissions: {{id-token: write, attestations: write}}, steps: [{{uses: {uses}, with: {given}}}]}}"


def attested(run: Path, given: dict[str, Any], workflow: str) -> str:
    parsed = parse("w.yml", workflow.format(uses=ATTEST, given=given)).jobs["a"]
    use(
        parsed.steps[0],
        Ground(Place(run, run / "o", "sandbox/tiny", "http://x"), RUN, parsed, run / "build"),
        run / "log",
    )
    return (run / "log").read_text()


def test_what_github_would_attest_is_named_and_has_to_be_there(run: Path) -> None:
    workflow = f"on: push\njobs: {{{{a: {GRANTED}}}}}\n"
    given = {"subject-path": "out/*.json"}
    assert "it would attest a.json" in attested(run, given, workflow)
    with pytest.raises(NotUnderstood, match="Could not find subject at path out/none"):
        attested(run, {"subject-path": "out/none"}, workflow)
    with pytest.raises(
        NotUnderstood, match=r"the job a needs `permissions: id-token: write` and `attestations: write`"
    ):
        attested(run, given, WORKFLOW)


def test_hidden_files_are_handed_over_if_that_is_asked(run: Path) -> None:
    with pytest.raises(NotUnderstood, match="No files were found"):
        upload(run, path=".hidden")
    upload(run, **{"path": ".hidden", "include-hidden-files": "true"})
    assert (download(run) / "in/c").read_text() == ".hidden/c"


def test_a_file_alone_is_handed_over_too(run: Path) -> None:
    upload(run, path="out/a.json")
    assert (download(run) / "in/a.json").read_text() == "out/a.json"


def test_nothing_to_hand_over_is_a_warning_unless_it_is_to_be_an_error(run: Path) -> None:
    upload(run, path="none", **{"if-no-files-found": "warn"})
    assert "No artifacts will be uploaded" in (run / "log").read_text()
    with pytest.raises(NotUnderstood, match="Artifact not found"):
        download(run)


@pytest.mark.parametrize("path", ["out/*", "!out", ""])
def test_a_path_that_is_no_plain_one_is_refused(path: str, run: Path) -> None:
    with pytest.raises(NotUnderstood, match="name one folder or one file"):
        upload(run, path=path)


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
