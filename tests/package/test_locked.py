"""What CI installs in somebody else's repository: the action's own lines, with pip, a registry and every hash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.package.conftest import RUN, TOP
from tests.sandbox.conftest import git

ACTION = ".github/actions/tagship/action.yml"
GONE = ("pytest", "mypy", "moto", "flask")  # nothing that only tests or the sandbox need


def source(kind: str, wheel: Path) -> str:
    """A wheel, or this repository at its commit."""
    return str(wheel) if kind == "wheel" else f"git+file://{TOP}@{git(TOP, 'rev-parse', 'HEAD').strip()}"


@pytest.mark.parametrize("kind", ["wheel", "git"])
def test_the_action_s_install_step_makes_a_small_environment_that_ships(kind: str, wheel: Path, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    shutil.copy(TOP / "examples/hello/app.py", root)
    git(root, "init", "--quiet")
    run(
        root,
        f"{sys.executable} -c 'from tagship.tasks.program import run; run()' init --yes --source {source(kind, wheel)}",
        PYTHONPATH=str(TOP),
    )
    steps = yaml.safe_load((root / ACTION).read_text("utf-8"))["runs"]["steps"]
    [install] = [step["run"] for step in steps if step.get("name") == "Install"]
    run(root, install)
    bin_ = root / ".tagship/venv/bin"
    assert "deploy-dev" in run(root, f"{bin_}/tagship --list")
    names = run(root, f"{bin_}/pip list --format=freeze --disable-pip-version-check").lower().split()
    installed = {line.partition("==")[0] for line in names}
    assert "boto3" in installed
    assert not installed & set(GONE)
    run(root, f"{bin_}/pip check --disable-pip-version-check")  # nothing but what is pinned is installed: is it all?
    assert "needs Python packages that are not installed" in run(root, f"{bin_}/tagship sandbox up", fails=True)


def test_what_verifies_githubs_attestations_is_pinned_whole(tmp_path: Path) -> None:
    """Into an environment that has none of it: what pip makes of a lock depends on what is there."""
    template = TOP / "tagship/templates"
    lock = "".join((template / f"requirements{part}.txt").read_text("utf-8") for part in ("", "-attestations"))
    (tmp_path / "tagship.txt").write_text(lock, "utf-8")
    run(tmp_path, f"{sys.executable} -m venv .tagship/venv")
    [line] = [line for line in (template / "action.yml.j2").read_text("utf-8").splitlines() if "-r tagship.txt" in line]
    run(tmp_path, line)
    run(tmp_path, ".tagship/venv/bin/pip check && .tagship/venv/bin/python -c 'import sigstore.verify, boto3'")


def run(root: Path, lines: str, *, fails: bool = False, **more: str) -> str:
    """Run the lines of a step as GitHub's runner does."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(RUN) and name != "CI"}
    own |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines]
    done = subprocess.run(shell, cwd=root, env=own, capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr
