"""What the sandbox does for a step that `uses:` an action: checkouts, artifacts; it passes over every other action.

A local action has to be in the checkout, as on GitHub:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsuses

https://github.com/actions/checkout: its inputs `ref`, `repository`, `path`, `token` and `submodules` are not simulated.
https://github.com/actions/upload-artifact, https://github.com/actions/download-artifact: a folder by `name` and `path`;
hidden files have to be asked for, and a name is given once a run. Other inputs are not simulated.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.workflow import Step

CHECKOUT, UPLOAD, DOWNLOAD = "actions/checkout@", "actions/upload-artifact@", "actions/download-artifact@"
KEPT = ".artifacts"  # in a run's folder
ACTIONS = ("action.yml", "action.yaml", "Dockerfile")


def use(step: Step, place: Place, workspace: Path, run: RunRecord, log: Path) -> None:
    """Check out, hand files over, or name the action in the log.

    Raises NotUnderstood if that fails, or if a local action is not there.
    """
    if step.uses.startswith("./"):
        _require_local(workspace / step.uses)
    if step.uses.startswith(UPLOAD):
        _upload(step, place.folder / KEPT, workspace)
    if step.uses.startswith(DOWNLOAD):
        _download(step, place.folder / KEPT, workspace)
    if step.uses.startswith((UPLOAD, DOWNLOAD)):
        log.write_text(f"{step.uses}: {step.given.get('name')}\n", "utf-8")
        return
    if not step.uses.startswith(CHECKOUT):
        log.write_text(f"The sandbox passes over {step.uses}\n", "utf-8")
        return
    for command in checkout(place.origin, workspace, run, int(step.given.get("fetch-depth", 1))):
        with log.open("ab") as file:
            result = subprocess.run(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False)
        if result.returncode:
            raise NotUnderstood(f"{' '.join(command[:2])} failed: {log.read_text('utf-8', 'replace').strip()}")


def _require_local(folder: Path) -> None:
    if not any((folder / name).is_file() for name in ACTIONS):
        raise NotUnderstood(
            f"Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{folder}'. "
            "Did you forget to run actions/checkout before running your local action?"
        )


def _upload(step: Step, artifacts: Path, workspace: Path) -> None:
    source, target = workspace / str(step.given.get("path", "")), artifacts / _name(step)
    hidden = any(part.startswith(".") for part in Path(str(step.given.get("path", ""))).parts)
    if not source.is_dir() or (hidden and not step.given.get("include-hidden-files")):
        raise NotUnderstood(f"No files were found with the provided path: {step.given.get('path')}")
    if target.exists():
        raise NotUnderstood(f"Conflict: an artifact with this name already exists on the workflow run: {target.name}")
    shutil.copytree(source, target)


def _download(step: Step, artifacts: Path, workspace: Path) -> None:
    source = artifacts / _name(step)
    if not source.is_dir():
        raise NotUnderstood(f"Artifact not found for name: {source.name}")
    shutil.copytree(source, workspace / str(step.given.get("path", "")), dirs_exist_ok=True)


def _name(step: Step) -> str:
    name = str(step.given.get("name", "artifact"))
    if "/" in name or name.startswith(".") or "${{" in name:
        raise NotUnderstood(f"the name of an artifact {name!r} is not simulated")
    return name


def checkout(origin: Path, workspace: Path, run: RunRecord, depth: int) -> list[list[str]]:
    """Return the commands that check out the ref that was pushed."""
    # One commit, or, with `fetch-depth: 0`, all there is.
    place = ["git", "-C", str(workspace)]
    begin = [["git", "init", "--quiet", str(workspace)], [*place, "remote", "add", "origin", f"file://{origin}"]]
    if depth == 0:
        all_refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        fetch = [*place, "fetch", "--quiet", "--no-tags", "origin", *all_refs]
    else:
        fetch = [*place, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", f"+{run.ref}:{_local(run.ref)}"]
    return [*begin, fetch, [*place, "checkout", "--quiet", "--detach", run.head_sha]]


def _local(ref: str) -> str:
    return ref.replace("refs/heads/", "refs/remotes/origin/")
