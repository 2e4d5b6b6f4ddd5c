"""A power cut that loses what had not reached the disk: what was committed is whole, and serves after the boot."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from tests.host.disk import JOURNAL_WRITTEN, NOTHING_WRITTEN, Disk
from tests.host.ground import Ground, command, until
from tests.host.host import Host, Shop
from tests.host.registry import Registry

OLD, NEW, NEXT = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"


class MakeHost(Protocol):
    def __call__(self, kind: str) -> tuple[Host, Disk]: ...


@pytest.fixture
def on_a_disk(ground: Ground, registry: Registry) -> Iterator[MakeHost]:
    """A host whose /opt/hello is a disk of its own, with a filesystem of that kind."""
    made: list[Host] = []

    def make(kind: str) -> tuple[Host, Disk]:
        host = Host(ground, registry, "cut")
        made.append(host)
        disk = Disk(host.machine.folder / "disk-of-opt", kind)
        host.machine.up({"/srv/aws": host.aws, "/opt/hello": disk.at})
        return host, disk

    try:
        yield make
    finally:
        for each in made:
            each.machine.down()


class Case(NamedTuple):
    """A filesystem, how much of it a power cut loses, what the app runs as, and what served before."""

    kind: str
    how: int
    runtime: str
    before: tuple[str, ...] = (OLD,)

    def __str__(self) -> str:
        lost = {JOURNAL_WRITTEN: "all but names", NOTHING_WRITTEN: "all"}[self.how]
        return f"{self.kind}, {lost}, {self.runtime}{'' if self.before else ', first'}"


CASES = (
    Case("ext4", JOURNAL_WRITTEN, "docker"),
    Case("ext4", NOTHING_WRITTEN, "process"),
    Case("xfs", JOURNAL_WRITTEN, "process"),
    Case("xfs", NOTHING_WRITTEN, "docker"),
    Case("xfs", JOURNAL_WRITTEN, "process", before=()),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_file_of_what_was_committed_is_whole_after_a_power_cut(
    on_a_disk: MakeHost, shop: Shop, case: Case
) -> None:
    """Right after a commit, while the version before (if there is one) has been on the disk for long."""
    host, disk = on_a_disk(case.kind)
    make = shop.process if case.runtime == "process" else shop.docker
    bundles = {version: host.publish(make(version)) for version in (OLD, NEW, NEXT)}
    files = {}
    for version in case.before:
        assert host.deploy(bundles[version]).outcome == "healthy"
        files[version] = needed(disk.at, host)
    disk.sync()
    host.machine.run(host.script(host.order("deploy", bundles[NEW])), {"TAGSHIP_KILL_AFTER": "prune"})
    files[NEW] = needed(disk.at, host)
    disk.cut(case.how)
    host.machine.kill()
    disk.mount_again()
    committed = json.loads((disk.at / "state.json").read_bytes())["serving"]
    assert damaged(disk.at, files[committed]) == [], f"{committed} is committed"
    host.machine.boot()
    until(lambda: host.answers() == committed, 20, f"{committed} serves after the boot")
    assert host.status().serving == committed
    assert host.deploy(bundles[NEXT]).outcome == "healthy"


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_disk_is_mounted_again_though_another_mount_namespace_holds_the_old_mount(tmp_path: Path, kind: str) -> None:
    """As a machine does that is being made beside it: the kernel would find the filesystem that was shut down."""
    disk = Disk(tmp_path, kind)
    (disk.at / "kept").write_text("on the disk")
    disk.sync()
    (disk.at / "lost").write_text("in memory")
    with subprocess.Popen(
        ["unshare", "--mount", "--propagation=private", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        try:
            disk.cut(NOTHING_WRITTEN)
            disk.mount_again()
            assert [path.name for path in disk.at.iterdir() if path.is_file()] == ["kept"]
        finally:
            holder.kill()
            command("umount", str(disk.at))


def needed(at: Path, host: Host) -> dict[str, bytes]:
    """What the committed version needs to be started again, after a boot or by an action."""
    state = host.state()
    colour, release = state["colour"], at / "releases" / state["serving"]
    names = ("state.json", ".env", "boot.sh", f"run/{colour}.start", f"run/{colour}.env", "run/proxy.cfg")
    paths = [at / name for name in names]
    paths += [path for path in release.rglob("*") if path.is_file()]
    return {str(path.relative_to(at)): path.read_bytes() for path in paths}


def damaged(at: Path, files: dict[str, bytes]) -> list[str]:
    """The files that are not there, or hold something else."""
    return [name for name, body in files.items() if not (at / name).is_file() or (at / name).read_bytes() != body]
