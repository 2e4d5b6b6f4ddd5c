"""What `init` writes for GitHub, read by linters that are not ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package.conftest import TOP, Installed
from tests.sandbox.conftest import git

WORKFLOW, ACTION = ".github/workflows/deploy-dev.yml", ".github/actions/tagship/action.yml"
CHECKS = {
    "the workflow's schema": f"check-jsonschema --builtin-schema vendor.github-workflows {WORKFLOW}",
    "the action's schema": f"check-jsonschema --builtin-schema vendor.github-actions {ACTION}",
    "security": f"zizmor --offline --quiet --config {TOP}/.github/zizmor.yml .github",
}


@pytest.fixture(scope="module")
def shop(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated")
    shutil.copy(TOP / "examples/hello/app.py", root)
    git(root, "init", "--quiet")
    installed.run(root, "tagship", "init", "--yes", "--build", "make app", "--built", "dist")
    return root


@pytest.mark.parametrize("check", CHECKS)
def test_a_linter_finds_nothing(check: str, shop: Path) -> None:
    program, *words = CHECKS[check].split()
    command = [str(Path(sys.executable).with_name(program)), *words]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
