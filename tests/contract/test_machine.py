"""The commands of a build, run on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tagship.adapters.machine import LocalPackager
from tagship.errors import Refused

SHOW = """
import os
print(os.getcwd(), os.environ.get("VERSION"), sorted(set(os.environ) & {"AWS_PROFILE", "GH_TOKEN", "PATH"}))
"""


def test_a_command_runs_in_its_directory_without_credentials(tmp_path: Path) -> None:
    lines: list[str] = []
    machine = LocalPackager({"PATH": "/usr/bin", "AWS_PROFILE": "prod", "GH_TOKEN": "x"}, lines.append)
    machine.run([sys.executable, "-c", SHOW], tmp_path, {"VERSION": "0.1.0-dev"})
    assert lines == [f"{tmp_path} 0.1.0-dev ['PATH']"]


def test_one_that_fails_is_refused_with_what_it_complained(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ended with exit code 3") as caught:
        LocalPackager().run([sys.executable, "-c", "import sys; sys.stderr.write('no npm'); sys.exit(3)"], tmp_path, {})
    assert caught.value.evidence == "no npm"
    assert "-c 'import sys; " in caught.value.remedy, "it can be typed as it stands"


def test_a_tool_says_its_version_without_credentials_and_one_that_fails_says_nothing(tmp_path: Path) -> None:
    machine = LocalPackager({"PATH": "/usr/bin", "GH_TOKEN": "x"})
    says = "import os, sys; print('v22', os.environ.get('GH_TOKEN')); sys.stderr.write('of 2026')"
    assert machine.answer([sys.executable, "-c", says], tmp_path) == "v22 None\nof 2026"
    assert machine.answer([sys.executable, "-c", "print('v22'); raise SystemExit(1)"], tmp_path) == ""
    assert machine.answer(["no-such-program"], tmp_path) == ""


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no-such-program cannot be started"):
        LocalPackager().run(["no-such-program"], tmp_path, {})
