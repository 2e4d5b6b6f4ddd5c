"""The bundle as a host's own tar, gzip and sha256sum read it; and its bytes, which no zlib of Python's decides."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tagship.verbs.bundle import bundle
from tests.unit.ci import TREE, VERSION, ci_app
from tests.unit.domain.test_bundle import LONGER, archive

ROOT = Path(__file__).parents[2]
LONG = "d" * 90 + "/" + "e" * 90 + "/" + "f" * 99


@pytest.mark.parametrize(
    "path", ["short", LONG, LONGER, "é" * 60, "x" * 100, "x" * 101, "a/" + "x" * 100, "y" * 155 + "/z"]
)
def test_a_host_unpacks_every_length_of_path_and_its_sums_agree(path: str, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(archive({path: b"content\n", "z": b""}))
    subprocess.run(["tar", "-xf", "b.tar"], cwd=tmp_path, check=True)
    assert (tmp_path / path).read_bytes() == b"content\n"
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)


def large() -> bytes:
    """1.2 MiB, half text and half noise, the same everywhere: several batches, and all kinds of deflate's blocks."""
    noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(20_000))
    words = [b"release", b"rollback", b"healthy", b"dev", b"bundle", b"0.1.30", b"\n", b"the", b"of"]
    return b" ".join(words[byte % len(words)] for byte in noise)[: 640 * 1024] + noise


def built(root: Path, level: int = 6) -> Path:
    tree = {**TREE, "app/large": large()}
    bundle(ci_app(root, tree=tree, bundle={"level": level}), artifact=VERSION)
    return root / ".tagship/build" / VERSION / "deploy-bundle.tar.gz"


@pytest.mark.parametrize("level", range(1, 10))
def test_a_hosts_own_gzip_and_tar_read_every_level(level: int, tmp_path: Path) -> None:
    file = built(tmp_path, level)
    subprocess.run(["gzip", "--test", str(file)], check=True)
    (tmp_path / "files").mkdir()
    subprocess.run(["tar", "-xzf", str(file), "-C", "files"], cwd=tmp_path, check=True)
    assert (tmp_path / "files/app/large").read_bytes() == large()
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=tmp_path / "files", check=True, capture_output=True)


DIGESTS = {
    1: "45c70f3a3169d4fe",
    2: "178366d2cfd226e1",
    3: "ee2fc571f8fba534",
    4: "b06e29fcfe68bd09",
    5: "e0ee86695ed96fbc",
    6: "9b36416128d18af7",
    7: "4c989c4aef4cb24f",
    8: "4d0e0a83a93df5a9",
    9: "708d81fa067bee75",
}
"""The start of the SHA-256 of that bundle, by level, on every machine and every Python."""


@pytest.mark.parametrize("level", DIGESTS)
def test_these_are_the_bytes(level: int, tmp_path: Path) -> None:
    """Known by heart: whatever changes them makes a commit's bundle another one, which `publish` refuses."""
    raw = built(tmp_path, level).read_bytes()
    assert raw[:10].hex() == "1f8b08000000000000ff"
    assert hashlib.sha256(raw).hexdigest()[:16] == DIGESTS[level]


ZLIBS = {
    "its own": "",
    "zlib-ng": "from zlib_ng import zlib_ng; sys.modules['zlib'] = zlib_ng",
    "one that only stores": (
        "import zlib; start = zlib.compressobj; zlib.compressobj = lambda _, *rest, **named: start(0, *rest, **named); "
        "whole = zlib.compress; zlib.compress = lambda raw: whole(raw, 0)"
    ),
}
"""What a Python runs first to have another zlib under that name."""

PROGRAM = """
import sys
{first}
import hashlib, zlib
from pathlib import Path
from tests.contract.test_bundle import built, large
print(hashlib.sha256(zlib.compress(large())).hexdigest())
print(hashlib.sha256(built(Path(sys.argv[1])).read_bytes()).hexdigest())
"""


def test_two_zlibs_give_one_digest(tmp_path: Path) -> None:
    of_zlib, of_bundle = set(), set()
    for name, first in ZLIBS.items():
        command = [sys.executable, "-c", PROGRAM.format(first=first), str(tmp_path / name)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        plain, bundled = run.stdout.split()
        of_zlib.add(plain)
        of_bundle.add(bundled)
    assert len(of_zlib) > 1, "the zlibs have to differ, or nothing is compared"
    assert len(of_bundle) == 1
