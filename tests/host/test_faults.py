"""Faults of registry, disk and app. The old version never stops answering, and the error says what to do."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tagship.domain.manifest import ImageRef
from tests.host.faulty import NEW, OLD, ballast, fails, images, works_again
from tests.host.ground import until
from tests.host.host import REPOSITORY, Host, Shop
from tests.host.registry import Registry
from tests.host.slow import slow_line
from tests.host.watching import Watch
from tests.sandbox.bundles import ROOT, Bundle, make, settings

# -- the registry ------------------------------------------------------------------------------------------------------


def test_a_registry_that_is_down(host: Host, shop: Shop, registry: Registry, serving: Bundle) -> None:
    bundle = shop.docker(NEW)
    registry.stop()
    try:
        fails(
            host, bundle, "connection refused", "see that the registry can be reached from this host, and deploy again"
        )
    finally:
        registry.start()
    works_again(host, bundle)


def test_a_registry_that_never_answers_is_given_up(host: Host, shop: Shop, registry: Registry, serving: Bundle) -> None:
    bundle = shop.docker(NEW)
    (host.machine.root / "etc/tagship/hello/host.conf").write_text("PULL_LIMIT=2\n")
    with silence(registry):
        fails(host, bundle, "no login to", "see that the registry can be reached from this host")
    (host.machine.root / "etc/tagship/hello/host.conf").unlink()
    works_again(host, bundle)


@contextmanager
def silence(registry: Registry) -> Iterator[None]:
    """Something in the registry's place that takes connections, and says nothing."""
    registry.stop()
    listener = socket.create_server((registry.address, 443))
    try:
        yield
    finally:
        listener.close()
        registry.start()


def test_a_registry_that_is_slow_is_waited_for(host: Host, shop: Shop, registry: Registry, serving: Bundle) -> None:
    bundle = host.publish(shop.docker(NEW, code=ballast(256)))
    with slow_line(host, registry, 128 << 10), Watch(host) as watch:
        answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    assert answer.verdict["durations"]["fetch"] > 2
    assert set(watch.heard) == {OLD, NEW}


def test_a_registry_that_is_too_slow_is_given_up(host: Host, shop: Shop, registry: Registry, serving: Bundle) -> None:
    bundle, before = shop.docker(NEW, code=ballast(1024)), images(host)
    limit = host.machine.root / "etc/tagship/hello/host.conf"
    limit.write_text("PULL_LIMIT=4\n")
    with slow_line(host, registry, 32 << 10) as line:
        began = time.monotonic()
        fails(host, bundle, "was not pulled within 4 s", "set PULL_LIMIT in /etc/tagship/hello/host.conf")
        assert 4 < time.monotonic() - began < 12
        until(lambda: line.open == 0, 5, "nothing is fetched any more")
    limit.unlink()
    assert images(host) == before
    works_again(host, bundle)


def test_a_refused_login_says_what_the_role_needs(host: Host, shop: Shop, serving: Bundle) -> None:
    (host.aws / "ecr-password").write_text("wrong")
    fails(host, shop.docker(NEW), "401 Unauthorized", "this host's role needs ecr:GetAuthorizationToken")


def test_an_image_that_is_not_in_the_registry_any_more(host: Host, serving: Bundle) -> None:
    chosen = settings(image={"repository": REPOSITORY}, runtime="docker", manager="systemd")
    units = {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / "deploy/systemd").iterdir()}
    gone = make(NEW, using=chosen, more=units, image=ImageRef(REPOSITORY, NEW, f"sha256:{'0' * 64}"))  # type: ignore[arg-type]
    fails(host, gone, "cannot be pulled", "publish it again, or deploy another version")


# -- the disk ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "words"),
    [(0, "could not be fetched"), (64, "could not be fetched"), (2048, "cannot be unpacked")],
    ids=["before the bundle", "while it is fetched", "while it is unpacked"],
)
def test_a_full_disk_under_opt(host: Host, shop: Shop, free: int, words: str) -> None:
    host.machine.check("mkdir -p /opt/hello && mount -t tmpfs -o size=6m tmpfs /opt/hello")
    try:
        works_again(host, host.publish(shop.docker(OLD)))
        big = {"ballast": os.urandom(256 << 10) + bytes(4 << 20)}  # 256 KB to fetch, 4 MB to unpack
        bundle = shop.docker(NEW, more=big)
        fill(host, "/opt/hello", free)
        fails(host, bundle, words, "kB are free there; see what takes the room: du -xsh /opt/hello/*")
        host.machine.check("rm /opt/hello/filler")
        works_again(host, bundle)
    finally:
        host.machine.check("systemctl stop 'hello@*' hello-proxy; umount --lazy /opt/hello")


@pytest.mark.parametrize("free", [0, 8 << 10], ids=["before the pull", "in the middle of it"])
def test_a_full_disk_under_docker(host: Host, shop: Shop, free: int) -> None:
    move_docker(host, "mount -t tmpfs -o size=400m tmpfs /var/lib/docker")
    try:
        works_again(host, host.publish(shop.docker(OLD)))
        bundle = shop.docker(NEW, code=ballast(16 << 10))
        fill(host, "/var/lib/docker", free)
        fails(host, bundle, "no space left on device", "make room: docker system df, then docker image prune")
        host.machine.check("rm /var/lib/docker/filler")
        works_again(host, bundle)
    finally:
        move_docker(host, "umount --lazy /var/lib/docker")


def test_a_disk_without_inodes_under_the_releases(host: Host, shop: Shop) -> None:
    """There is room, and no file can be made: what is gone is named, and where. /opt/hello itself is well."""
    releases = "/opt/hello/releases"
    host.machine.check(f"mkdir -p {releases} && mount -t tmpfs -o size=20m,nr_inodes=150 tmpfs {releases}")
    try:
        works_again(host, host.publish(shop.docker(OLD)))
        bundle = shop.docker(NEW)
        host.machine.run(f"i=0; while : >{releases}/filler.$i; do i=$((i + 1)); done 2>/dev/null")
        host.machine.check(f"rm {releases}/filler.?")
        fails(
            host,
            bundle,
            f"{NEW} cannot be written",
            f"inodes are free on {releases} (df -i)",
            "du -x --inodes /opt/hello",
        )
        host.machine.check(f"test ! -e {releases}/{NEW}; rm {releases}/filler.*")
        works_again(host, bundle)
    finally:
        host.machine.check(f"systemctl stop 'hello@*' hello-proxy; umount --lazy {releases}")


def fill(host: Host, folder: str, free: int) -> None:
    """Leave that many KiB."""
    left = int(host.machine.check(f"df -Pk {folder} | awk 'NR == 2 {{ print $4 }}'")) - free
    host.machine.run(f"dd if=/dev/zero of={folder}/filler bs=1k count={left}")


def move_docker(host: Host, how: str) -> None:
    host.machine.check("systemctl stop 'hello@*'; systemctl stop docker.socket docker")
    host.machine.check(f"{how} && systemctl start docker")


# -- the app -----------------------------------------------------------------------------------------------------------


def test_an_app_that_wants_more_memory_than_it_may_have(host: Host, shop: Shop, serving: Bundle) -> None:
    bundle = shop.docker(NEW, code="HOG = b'x' * (64 << 20)", limits={"memory": "24m"})
    answer = fails(host, bundle, "killed for want of memory: it may have 24m, raise limits.memory in tagship.toml")
    assert "killed for want of memory: true" in answer.evidence
    assert f"limit of memory {24 << 20}" in answer.evidence


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        ({"healthy": False, "fault": "hang"}, "it did not answer within 1 s"),
        ({"healthy": False, "fault": "crash"}, "its container exited with code 3"),
        ({"healthy": False, "fault": "late-crash"}, "its container exited with code 4"),
        ({"healthy": False, "fault": "slow", "delay": 60}, "it does not listen"),
        ({"healthy": False, "fault": "impostor"}, "it answered as 0.0.0-impostor, not as 0.1.1-dev"),
    ],
)
def test_an_app_that_is_not_healthy(
    host: Host, shop: Shop, serving: Bundle, hello: dict[str, object], words: str
) -> None:
    answer = fails(host, shop.docker(NEW, hello, health={"attempts": 3}), words)
    for part in ("its unit: ", "its container: ", "its last answer: ", "its last lines:"):
        assert part in answer.evidence


def test_an_app_that_listens_on_its_containers_own_loopback_is_told_so(host: Host, shop: Shop, serving: Bundle) -> None:
    bundle = shop.docker(NEW, variables={"HOST": "127.0.0.1"}, health={"attempts": 3})
    fails(host, bundle, "it listens on 127.0.0.1, and not where it is asked: have it listen on 0.0.0.0")


def test_an_app_that_answers_late_is_waited_for(host: Host, shop: Shop, serving: Bundle) -> None:
    with Watch(host) as watch:
        answer = host.deploy(host.publish(shop.docker(NEW, {"healthy": False, "fault": "slow", "delay": 4})))
    assert answer.outcome == "healthy", answer.output
    assert set(watch.heard) == {OLD, NEW}
