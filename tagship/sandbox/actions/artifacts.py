"""What one job hands to another by upload-artifact and download-artifact: a folder or a file, by `name` and `path`.

Hidden files have to be asked for, and a name is given once a run:
https://github.com/actions/upload-artifact, https://github.com/actions/download-artifact
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.workflow import Step

KEPT = ".artifacts"  # in a run's folder
TRUE = ("true", "True")


def upload(step: Step, run: Path, workspace: Path) -> str:
    """Keep a folder or a file; return the log's line."""
    path, target = _plain(str(step.given.get("path", ""))), run / KEPT / _name(step, "artifact")
    source = workspace / path
    hidden = any(part.startswith(".") for part in Path(path).parts)
    if not source.exists() or (hidden and str(step.given.get("include-hidden-files", "")) not in TRUE):
        return _none(step, path)
    if target.exists():
        raise NotUnderstood(f"Conflict: an artifact with this name already exists on the workflow run: {target.name}")
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.mkdir(parents=True)
        shutil.copy2(source, target)
    return f"{step.uses}: {target.name}"


def _none(step: Step, path: str) -> str:
    """Say that there is no file; raise NotUnderstood if it must be."""
    warning = f"No files were found with the provided path: {path}"
    if step.given.get("if-no-files-found", "warn") == "error":
        raise NotUnderstood(warning)
    return f"{warning}. No artifacts will be uploaded."


def download(step: Step, run: Path, workspace: Path) -> str:
    """Fetch what was kept under a name; return the log's line."""
    source = run / KEPT / _name(step, "")
    if not source.is_dir():
        raise NotUnderstood(f"Artifact not found for name: {source.name}")
    shutil.copytree(source, workspace / str(step.given.get("path", "")), dirs_exist_ok=True)
    return f"{step.uses}: {source.name}"


def _plain(path: str) -> str:
    if not path or any(sign in path for sign in "*?[!\n"):
        raise NotUnderstood(f"the path {path!r} is not simulated: name one folder or one file")
    return path


def _name(step: Step, otherwise: str) -> str:
    name = str(step.given.get("name", otherwise))
    if not name or "/" in name or name.startswith(".") or "${{" in name:
        raise NotUnderstood(f"the name of an artifact {name!r} is not simulated: give it a plain one")
    return name
