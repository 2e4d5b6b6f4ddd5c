"""Hosts that a release met, and said something false about. Each case has an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tests.cases.world import ENDED, TAGSHIP, said
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.shop import Shop

APP = "examples/hello/app.py"
LOOPBACK = 'os.environ.get("HOST", "127.0.0.1")'
SERVER = "class Server(ThreadingHTTPServer):\n"
pytestmark = pytest.mark.xdist_group("cases-hosts")  # one sandbox for all of them


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    root = shop.make(tmp_path_factory.mktemp("cases") / "shop", ["back", "six", "full"])
    yield root, start(root)
    lifecycle.down(root)


def run(at: Shop, *words: str) -> ENDED:
    return subprocess.run([TAGSHIP, *words], cwd=at.root, capture_output=True, text=True, timeout=180, check=False)


def deploy(at: Shop, number: str, **config: object) -> ENDED:
    return run(at, "deploy", "--version", at.publish(number, **config), "--env", at.environment)


def test_a_third_rollback_says_why_the_versions_that_are_stored_are_left_out(sandbox: tuple[Path, Running]) -> None:
    back = Shop(*sandbox, "back")
    for number in ("0.1.0", "0.1.1", "0.1.2"):
        assert deploy(back, number).returncode == 0
    for _ in range(2):
        assert run(back, "rollback", "--env", "back", "--yes").returncode == 0
    done = run(back, "rollback", "--env", "back", "--yes")
    assert done.returncode not in (0, 1)
    assert "no other version that was healthy there is still stored" not in done.stderr.lower()
    assert "0.1.1-back" in done.stderr or "0.1.2-back" in done.stderr
    assert "--allow-bad" in done.stderr or "mark-good" in done.stderr


def test_an_app_that_listens_on_ipv6_alone_is_not_called_deaf(sandbox: tuple[Path, Running]) -> None:
    six = Shop(*sandbox, "six")
    path = six.root / APP
    source = path.read_text("utf-8")
    assert LOOPBACK in source
    assert SERVER in source
    only = source.replace(LOOPBACK, '"::1"').replace("import threading\n", "import socket\nimport threading\n", 1)
    path.write_text(only.replace(SERVER, f"{SERVER}    address_family = socket.AF_INET6\n"), "utf-8")
    try:
        done = deploy(six, "0.1.0")
    finally:
        path.write_text(source, "utf-8")
    assert "it does not listen)" not in said(done)
    assert done.returncode == 0 or "::1" in said(done), said(done)


@contextmanager
def few_inodes(folder: Path) -> Iterator[None]:
    """A file system with room, and inodes for eight more files, in that folder's place; needs root."""
    kept = shutil.copytree(folder, folder.parent / "kept", symlinks=True)
    inodes = sum(1 for _ in folder.rglob("*")) + 9
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=50m,nr_inodes={inodes}", "none", folder], check=True)
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_host_without_inodes_is_said_to_be_out_of_inodes(sandbox: tuple[Path, Running]) -> None:
    full = Shop(*sandbox, "full")
    assert deploy(full, "0.1.0").returncode == 0
    [host] = full.hosts
    with few_inodes(host.root / "opt/hello/releases"):
        done = deploy(full, "0.1.1")
    assert done.returncode not in (0, 1)
    assert "inode" in said(done), said(done)
    assert full.serving() == ["0.1.0-full"]
