"""Faults on a real host. The old version never stops answering, and the error says what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tagship.domain.manifest import ImageRef
from tests.host.ground import until
from tests.host.host import REPOSITORY, Host, Shop
from tests.host.registry import Registry
from tests.host.test_deploy import running
from tests.host.watching import Watch, never_stops
from tests.sandbox.bundles import ROOT, Bundle, make, settings
from tests.sandbox.machine import Answer

OLD, NEW = "0.1.0-dev", "0.1.1-dev"


@pytest.fixture
def serving(host: Host, shop: Shop) -> Bundle:
    """What serves when the fault comes."""
    bundle = host.publish(shop.docker(OLD))
    answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    return bundle


def fails(host: Host, bundle: Bundle, *words: str) -> Answer:
    """Deploying that fails with those words, and nobody notices."""
    host.publish(bundle)
    with never_stops(host, OLD):
        answer = host.deploy(bundle)
    assert (answer.code, answer.outcome, answer.serving) in {(6, "failed", OLD), (5, "refused", OLD)}, answer.output
    for word in words:
        assert word in answer.reason, answer.output
    assert running(host) == [OLD]
    return answer


def works_again(host: Host, bundle: Bundle) -> None:
    answer = host.deploy(bundle)
    assert (answer.outcome, host.answers()) == ("healthy", bundle.artifact), answer.output


# -- the registry ------------------------------------------------------------------------------------------------------


def test_a_registry_that_never_answers_is_given_up(host: Host, shop: Shop, registry: Registry, serving: Bundle) -> None:
    bundle = shop.docker(NEW)
    (host.machine.root / "etc/tagship/hello/host.conf").write_text("PULL_LIMIT=2\n")
    with silence(registry):
        fails(host, bundle, "the login to", "see that the registry can be reached from this host")
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


def test_a_refused_login_says_what_the_role_needs(host: Host, shop: Shop, serving: Bundle) -> None:
    (host.aws / "ecr-password").write_text("wrong")
    fails(host, shop.docker(NEW), "401 Unauthorized", "this host's role needs ecr:GetAuthorizationToken")


def test_an_image_that_is_not_in_the_registry_any_more(host: Host, serving: Bundle) -> None:
    chosen = settings(image={"repository": REPOSITORY}, runtime="docker", manager="systemd")
    units = {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / "deploy/systemd").iterdir()}
    gone = make(NEW, using=chosen, more=units, image=ImageRef(REPOSITORY, NEW, f"sha256:{'0' * 64}"))  # type: ignore[arg-type]
    fails(host, gone, "cannot be pulled", "publish it again")


# -- the disk ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "words"), [(0, "free"), (64, "could not be fetched"), (2048, "cannot be unpacked")])
def test_a_full_disk_under_opt(host: Host, shop: Shop, free: int, words: str) -> None:
    host.machine.check("mkdir -p /opt/hello && mount -t tmpfs -o size=6m tmpfs /opt/hello")
    try:
        works_again(host, host.publish(shop.docker(OLD)))
        big = {"ballast": os.urandom(256 << 10) + bytes(4 << 20)}  # 256 KB to fetch, 4 MB to unpack
        bundle = shop.docker(NEW, more=big)
        fill(host, "/opt/hello", free)
        fails(host, bundle, words)
        host.machine.check("rm /opt/hello/filler")
        works_again(host, bundle)
    finally:
        host.machine.check("systemctl stop 'hello@*' hello-proxy; umount --lazy /opt/hello")


@pytest.mark.parametrize("free", [0, 8 << 10])
def test_a_full_disk_under_docker(host: Host, shop: Shop, free: int) -> None:
    """Before the pull, and in the middle of it."""
    move_docker(host, "mount -t tmpfs -o size=400m tmpfs /var/lib/docker")
    try:
        works_again(host, host.publish(shop.docker(OLD)))
        bundle = shop.docker(NEW, code=f"# {os.urandom(16 << 20).hex()}")
        fill(host, "/var/lib/docker", free)
        fails(host, bundle, "no space left on device", "docker system df")
        host.machine.check("rm /var/lib/docker/filler")
        works_again(host, bundle)
    finally:
        move_docker(host, "umount --lazy /var/lib/docker")


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
    answer = fails(host, bundle, "killed for want of memory")
    assert "killed for want of memory: true" in answer.evidence
    assert f"limit of memory {24 << 20}" in answer.evidence


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        ({"healthy": False, "fault": "hang"}, "it did not answer within 1 s"),
        ({"healthy": False, "fault": "crash"}, "its container exited with code 3"),
        ({"healthy": False, "fault": "impostor"}, "it answered as 0.0.0-impostor, not as 0.1.1-dev"),
    ],
)
def test_an_app_that_is_not_healthy(
    host: Host, shop: Shop, serving: Bundle, hello: dict[str, object], words: str
) -> None:
    answer = fails(host, shop.docker(NEW, hello), words)
    for part in ("its unit: ", "its container: ", "its last answer: ", "its last lines:"):
        assert part in answer.evidence


def test_an_app_that_answers_late_is_waited_for(host: Host, shop: Shop, serving: Bundle) -> None:
    with Watch(host) as watch:
        answer = host.deploy(host.publish(shop.docker(NEW, {"healthy": False, "fault": "slow", "delay": 4})))
    assert answer.outcome == "healthy", answer.output
    assert set(watch.heard) == {OLD, NEW}


# -- the host ----------------------------------------------------------------------------------------------------------


def test_docker_restarted_in_the_middle(host: Host, shop: Shop, serving: Bundle) -> None:
    """It ends every container: the old version comes back by itself, and the deployment says how it went."""
    bundle = host.publish(shop.docker(NEW, {"healthy": False, "fault": "slow", "delay": 3}))
    answers: list[Answer] = []
    deploying = threading.Thread(target=lambda: answers.append(host.deploy(bundle)))
    deploying.start()
    until(lambda: host.journal()[-1] == "health", 20, "its health is asked for")
    host.machine.check("systemctl restart docker")
    deploying.join()
    serves = NEW if answers[0].outcome == "healthy" else OLD
    assert answers[0].outcome in {"healthy", "failed"}, answers[0].output
    until(lambda: host.answers() == serves, 20, f"{serves} answers")
    assert host.status().serving == serves
    works_again(host, host.publish(shop.docker("0.1.2-dev")))


def test_two_deployments_at_once(host: Host, shop: Shop, serving: Bundle) -> None:
    slow = host.publish(shop.docker(NEW, {"healthy": False, "fault": "slow", "delay": 3}))
    other = host.publish(shop.docker("0.1.2-dev"))
    first = host.machine.start(host.script(host.order("deploy", slow)))
    until(lambda: host.journal()[-1] == "health", 20, "the first is under way")
    second = host.deploy(other)
    assert (second.code, second.outcome) == (4, "held"), second.output
    assert "at the step health" in second.reason
    out, _ = first.communicate(timeout=60)
    assert '"outcome":"healthy"' in out
    assert (running(host), host.answers()) == ([NEW], NEW)


def test_a_deployment_that_was_fenced_off_arrives_late(host: Host, shop: Shop, serving: Bundle) -> None:
    late = host.order("deploy", host.publish(shop.docker(NEW)))
    works_again(host, host.publish(shop.docker("0.1.2-dev")))
    steps = host.journal()
    with never_stops(host, "0.1.2-dev"):
        answer = host.run(late)
    assert (answer.code, answer.outcome, answer.serving) == (4, "held", "0.1.2-dev"), answer.output
    assert "somebody took over the environment" in answer.reason
    assert (host.journal(), running(host)) == (steps, ["0.1.2-dev"])


def test_a_clock_that_is_set_back_makes_no_wait_longer(tmp_path: Path) -> None:
    """Nothing in a machine of ours may set the clock: the host program's own `clock` is turned back, an hour a look."""
    script = f"""
    . {ROOT}/deploy/host/health.sh
    lives() {{ return 0; }}
    now=100000000 clock() {{ now=$((now - 3600000)); REPLY=$now; }}
    pause blue 1
    """
    script = script.replace("now=100000000 clock", "now=100000000; clock")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, timeout=10, check=False)
    assert done.returncode == 0
