"""A checkout whose path is not ASCII, and a Python that starts in a locale that is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package, and an environment in which it is installed as pip's editable install does it."""
    made = tmp_path / "développement"
    shutil.copytree(TOP / "tagship", made / "tagship", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "scripts").mkdir()
    shutil.copy(TOP / "scripts/relative_path.py", made / "scripts")
    venv.create(made / ".venv")
    [packages] = (made / ".venv").glob("lib/python*/site-packages")
    (packages / "_tagship.pth").write_text(f"{made}\n", "utf-8")
    return made


def starts(checkout: Path, locale: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    code = "import tagship; print(ascii(tagship.__file__))"
    return subprocess.run(
        [checkout / ".venv/bin/python", "-c", code], env={**env, "LC_ALL": locale}, capture_output=True, text=True,
        check=False, cwd="/",
    )  # fmt: skip


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_it_is_found_in_every_locale(checkout: Path, locale: str) -> None:
    if locale != "C.UTF-8" and sys.version_info < (3, 12, 4):  # later ones try UTF-8 first
        assert "UnicodeDecodeError" in starts(checkout, locale).stderr, "what this is against"
    subprocess.run([sys.executable, "scripts/relative_path.py", ".venv"], cwd=checkout, check=True)
    found = starts(checkout, locale)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == ascii(str(checkout / "tagship/__init__.py"))


def test_make_does_so_after_every_install() -> None:
    recipe = (TOP / "Makefile").read_text("utf-8")
    assert re.search(r"-e \.\n\t\$\(PYTHON\) scripts/relative_path\.py \$\(VENV\)\n", recipe)
