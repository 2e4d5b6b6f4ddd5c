"""What systemd says against the units of deploy/systemd: each line that it judges counts, so none is lost unnoticed.

`systemd-analyze` reads the files alone; tests/host/test_units.py has it judge what runs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze comes with systemd: .ci/run has it"
)

GIVEN = {
    "\n@NEEDS@": "\nRequires=hello-metadata.service",
    "\n@DENIED@": "\nIPAddressDeny=169.254.169.254 fd00:ec2::254",
    "\n@VOLUMES@": "",
    "@CONTAINER@": "hello",
    "@ACCOUNT@": "hello",
    "@APP@": "hello",
    "@BASE@": "/opt/hello",
    "@MEMORY@": "512M",
    "@SWAP@": "0",
    "@PIDS@": "512",
    "@RULE@": "1500 uidrange 999-999",
}
# The most that systemd may have against each, from 0 to 10: what 252 says. docs/adr/0015-units.md has what is left out.
MOST = {
    "process@.service": 1.9,
    "docker@.service": 1.8,
    "proxy.service": 1.8,
    "boot.service": 2.2,
    "metadata.service": 2.0,
}
# Lines that systemd doesn't judge: they have to be there all the same.
SAYS_HOW = "SystemCallErrorNumber=EPERM"  # how a call is refused
GIVES = "AmbientCapabilities=CAP_NET_BIND_SERVICE"  # the bounding set is what is judged
NOT_JUDGED = {
    "process@.service": ["UMask=0027", GIVES, "IPAddressDeny=169.254.169.254 fd00:ec2::254", SAYS_HOW],
    "docker@.service": [SAYS_HOW],
    "proxy.service": [GIVES, "NoNewPrivileges=yes", SAYS_HOW],  # which DynamicUser brings along
    "boot.service": [SAYS_HOW],
    "metadata.service": [SAYS_HOW],
}
HARDENS = re.compile(
    r"^(User|UMask|DynamicUser|AmbientCapabilities|CapabilityBoundingSet|NoNewPrivileges|Private\w+|Protect\w+|Restrict\w+|"
    r"LockPersonality|MemoryDenyWriteExecute|SystemCall\w+|IPAddressDeny)="
)


def rendered(name: str) -> str:
    text = (TOP / "deploy/systemd" / name).read_text("utf-8")
    for word, value in GIVEN.items():
        text = text.replace(word, value)
    assert not re.search(r"@[A-Z]+@", text)
    return text


def judged(text: str, name: str, folder: Path) -> tuple[float, dict[str, str]]:
    """systemd's exposure of a unit, and what it has against it."""
    file = folder / f"hello-{name}"
    file.write_text(text)
    ask = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    said = subprocess.run([*ask, str(file)], capture_output=True, text=True, check=False).stdout
    total = re.search(r"Overall exposure level .*: ([0-9.]+) ", said)
    assert total, said
    checks = subprocess.run([*ask, "--json=short", str(file)], capture_output=True, text=True, check=False).stdout
    return float(total[1]), {
        check["json_field"]: check["exposure"] for check in json.loads(checks) if check["exposure"]
    }


@pytest.mark.parametrize("name", MOST)
def test_systemd_has_no_more_against_a_unit_than_is_written_down(name: str, tmp_path: Path) -> None:
    exposure, against = judged(rendered(name), name, tmp_path)
    assert exposure <= MOST[name], against


@pytest.mark.parametrize("name", MOST)
def test_a_line_that_is_taken_away_is_noticed(name: str, tmp_path: Path) -> None:
    text = rendered(name)
    _, before = judged(text, name, tmp_path)
    unnoticed = []
    for line in filter(HARDENS.match, text.splitlines()):
        _, against = judged(text.replace(f"\n{line}\n", "\n"), name, tmp_path)
        if sum(map(float, against.values())) <= sum(map(float, before.values())):
            unnoticed.append(line)
    assert unnoticed == NOT_JUDGED[name]
