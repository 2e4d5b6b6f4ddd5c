"""What the host's program says of a colour that failed: no heading without anything beneath it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROGRAM = (Path(__file__).parents[2] / "deploy/ec2_deploy.sh").read_text("utf-8")
STUBS = """
set -euo pipefail
IDLE=green DEPLOYMENT=d-1 ENDED='it exited with code 3' ANSWER=
masked() { REPLY=$1; }
unit_status() { :; }
state_of_colour() { :; }
last_lines() { printf %s "$PRINTED"; }
"""


@pytest.mark.starts("bash")
@pytest.mark.parametrize(
    ("printed", "lines"), [("", ["its last lines: none"]), ("boom\nbang", ["its last lines:", "boom", "bang"])]
)
def test_an_app_that_printed_nothing_has_no_heading_above_nothing(printed: str, lines: list[str]) -> None:
    function = re.search(r"^evidence\(\) \{\n.*?^\}\n", PROGRAM, re.MULTILINE | re.DOTALL)
    assert function
    script = f"{STUBS}\n{function[0]}\nevidence"
    ended = subprocess.run(
        ["bash", "-c", script],
        env={"PRINTED": printed, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[2:] == lines
