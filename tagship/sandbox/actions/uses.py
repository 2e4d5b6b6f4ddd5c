"""What the sandbox does for a step that `uses:` an action: it checks out, and passes over every other action.

A local action has to be in the checkout, as on GitHub:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsuses

https://github.com/actions/checkout: its inputs `ref`, `repository`, `path`, `token` and `submodules` are not simulated.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.workflow import Step

CHECKOUT = "actions/checkout@"
ACTIONS = ("action.yml", "action.yaml", "Dockerfile")


def use(step: Step, origin: Path, workspace: Path, run: RunRecord, log: Path) -> None:
    """Check the commit out, or name the action in the log.

    Raises NotUnderstood if git fails, or if a local action is not there.
    """
    if step.uses.startswith("./"):
        _require_local(workspace / step.uses)
    if not step.uses.startswith(CHECKOUT):
        log.write_text(f"The sandbox passes over {step.uses}\n", "utf-8")
        return
    for command in checkout(origin, workspace, run, int(step.given.get("fetch-depth", 1))):
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
