"""The bundle as a host's own tar and sha256sum read it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.domain.test_bundle import LONGER, archive

LONG = "d" * 90 + "/" + "e" * 90 + "/" + "f" * 99


@pytest.mark.parametrize(
    "path", ["short", LONG, LONGER, "é" * 60, "x" * 100, "x" * 101, "a/" + "x" * 100, "y" * 155 + "/z"]
)
def test_a_host_unpacks_every_length_of_path_and_its_sums_agree(path: str, tmp_path: Path) -> None:
    (tmp_path / "b.tgz").write_bytes(archive({path: b"content\n", "z": b""}))
    subprocess.run(["tar", "-xzf", "b.tgz"], cwd=tmp_path, check=True)
    assert (tmp_path / path).read_bytes() == b"content\n"
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
