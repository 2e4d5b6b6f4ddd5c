"""Faults of the host: Docker, proxy, clock, and who else is at work. The old version never stops answering."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.host.clock import Clock
from tests.host.faulty import NEW, OLD, ballast, fails, restart_docker, works_again
from tests.host.ground import until
from tests.host.host import PORT, Host, Shop
from tests.host.registry import Registry
from tests.host.slow import slow_line
from tests.host.test_deploy import running
from tests.host.watching import Watch, never_stops
from tests.sandbox.bundles import ROOT, Bundle
from tests.sandbox.machine import Answer

SLOW = {"healthy": False, "fault": "slow", "delay": 4}
ATTEMPTS = {"attempts": 15}  # of a slow start: this machine may be busy
HOUR = 3600


# -- Docker is restarted -----------------------------------------------------------------------------------------------


@pytest.fixture
def lasting(host: Host) -> Iterator[Host]:
    """A host whose containers outlive Docker."""
    config = host.machine.root / "etc/docker/daemon.json"
    config.write_text('{"live-restore": true, "userland-proxy": false}\n')
    restart_docker(host)
    try:
        yield host
    finally:
        config.unlink()
        restart_docker(host)


def test_docker_restarted_at_rest(lasting: Host, serving: Bundle) -> None:
    """No request is lost, not even one that is under way; neither is a line of the app's log, nor its supervision."""
    with never_stops(lasting, OLD), asking(lasting, "/sleep/3") as answered:
        restart_docker(lasting)
        assert lasting.answers() == OLD
    assert answered == [f"{OLD}\n"]
    assert lasting.machine.check("systemctl show -p NRestarts --value hello@blue") == "0"
    until(
        lambda: "/sleep/3" in lasting.machine.check("journalctl --unit hello@blue --output cat"), 5, "its log goes on"
    )
    assert lasting.status().outcome == "healthy"
    lasting.machine.check("docker kill hello-blue")
    until(lambda: lasting.answers() == OLD, 15, "it is started anew after a crash")


def test_docker_restarted_while_the_new_version_starts(lasting: Host, shop: Shop, serving: Bundle) -> None:
    bundle = lasting.publish(shop.docker(NEW, SLOW, health=ATTEMPTS))  # while it starts, Docker forwards nothing
    with Watch(lasting) as watch, deploying(lasting, bundle) as answers:
        until(lambda: running(lasting) == [NEW, OLD], 20, "the new container runs")
        restart_docker(lasting)
    assert answers[0].outcome == "healthy", answers[0].output
    assert set(watch.heard) == {OLD, NEW}
    works_again(lasting, lasting.publish(shop.docker("0.1.2-dev")))


def test_docker_restarted_while_an_image_is_pulled(
    lasting: Host, shop: Shop, registry: Registry, serving: Bundle
) -> None:
    bundle = lasting.publish(shop.docker(NEW, code=ballast(64)))
    # The line is slow enough (64 MB in half a minute) that a busy machine restarts Docker before the pull has ended.
    with slow_line(lasting, registry, 2 << 10), never_stops(lasting, OLD), deploying(lasting, bundle) as answers:
        until(lambda: lasting.journal()[-1] == "pull", 20, "it is being pulled")
        until(lambda: " pull --quiet" in lasting.machine.check("ps axww"), 20, "Docker is asked for it")
        restart_docker(lasting)
    assert (answers[0].code, answers[0].outcome) == (6, "failed"), answers[0].output
    assert "was Docker restarted? systemctl status docker, and deploy again" in answers[0].reason
    works_again(lasting, bundle)


def test_a_host_says_how_its_containers_would_outlive_docker(host: Host, shop: Shop, serving: Bundle) -> None:
    """What it says is the exact command; after it the next deployment says nothing.

    A request that passes Docker's own proxy as it ends is lost (docs/setup.md): at most one of the watch's, which asks
    one at a time.
    """
    answer = host.deploy(host.publish(shop.docker(NEW)))
    told = re.search(
        "^A restart of Docker stops this app for some seconds. To have it run on: (.*)$", answer.output, re.M
    )
    assert told, answer.output
    host.machine.check("systemctl reset-failed docker.service docker.socket")
    try:
        with Watch(host) as watch:
            host.machine.check(told[1])
            time.sleep(0.2)
        assert set(watch.heard) <= {NEW, ""}, watch.heard
        assert watch.heard.count("") <= 1, watch.heard
        with never_stops(host, NEW), asking(host, "/sleep/3") as answered:
            restart_docker(host)
        assert answered == [f"{NEW}\n"]
        answer = host.deploy(host.publish(shop.docker("0.1.2-dev")))
        assert answer.outcome == "healthy", answer.output
        assert "A restart of Docker" not in answer.output
    finally:
        host.machine.check("rm /etc/docker/daemon.json")
        restart_docker(host)


def test_a_first_boot_has_containers_outlive_docker_where_there_is_none_yet(host: Host, shop: Shop) -> None:
    """User data's own lines, on a machine whose image carries Docker: the deployment after them has nothing to say."""
    words = (ROOT / "deploy/user_data.sh").read_text("utf-8").partition("\nLOG=")[0]
    (host.machine.root / "root/first-boot").write_text(f"{words}\noutlive_docker\n", "utf-8")
    config = host.machine.root / "etc/docker/daemon.json"
    host.machine.check("systemctl reset-failed docker.service docker.socket")
    try:
        host.machine.check("bash /root/first-boot")
        assert host.machine.check("docker info --format '{{.LiveRestoreEnabled}}'") == "true"
        answer = host.deploy(host.publish(shop.docker(OLD)))
        assert (answer.outcome, host.answers()) == ("healthy", OLD), answer.output
        assert "A restart of Docker" not in answer.output
        config.unlink()
        host.machine.run("bash /root/first-boot")
        assert not config.exists()  # a container is there
    finally:
        config.unlink(missing_ok=True)
        restart_docker(host)


def test_docker_restarted_where_containers_end_with_it(host: Host, shop: Shop, serving: Bundle) -> None:
    """Nothing answers for some seconds. The old version comes back by itself, and the error says what happened."""
    with deploying(host, host.publish(shop.docker(NEW, SLOW, health=ATTEMPTS))) as answers:
        until(lambda: running(host) == [NEW, OLD], 20, "the new container runs")
        restart_docker(host)
    assert (answers[0].code, answers[0].outcome) == (6, "failed"), answers[0].output
    assert "Docker was restarted meanwhile: deploy again" in answers[0].reason
    until(lambda: host.answers() == OLD, 20, "the old version answers")
    assert host.status().serving == OLD
    works_again(host, host.publish(shop.docker("0.1.2-dev")))


@contextmanager
def deploying(host: Host, bundle: Bundle) -> Iterator[list[Answer]]:
    """A deployment under way while the block runs; when it has ended, how it did."""
    ended: list[Answer] = []
    thread = threading.Thread(target=lambda: ended.append(host.deploy(bundle)))
    thread.start()
    try:
        yield ended
    finally:
        thread.join()


@contextmanager
def asking(host: Host, path: str) -> Iterator[list[str]]:
    """A request under way while the block runs; when it has ended, its answer."""
    answers: list[str] = []

    def ask() -> None:
        with urllib.request.urlopen(f"http://{host.machine.address}:{PORT}{path}", timeout=20) as answer:
            answers.append(answer.read().decode())

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)  # it has been sent by then
    yield answers
    thread.join()


# -- the proxy ---------------------------------------------------------------------------------------------------------


def test_a_proxy_configuration_broken_by_hand(host: Host, shop: Shop, serving: Bundle) -> None:
    """The running proxy does not read it; the next deployment puts it right before anybody does."""
    bundle = host.publish(shop.docker(NEW))
    host.machine.check("echo nonsense >> /opt/hello/run/proxy.cfg")
    with Watch(host) as watch:
        answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    assert set(watch.heard) == {OLD, NEW}
    assert "nonsense" not in host.machine.check("cat /opt/hello/run/proxy.cfg")
    host.machine.check("haproxy -c -f /opt/hello/run/proxy.cfg")


def test_a_proxy_configuration_broken_by_hand_and_a_version_that_fails(host: Host, shop: Shop, serving: Bundle) -> None:
    host.machine.check("echo nonsense >> /opt/hello/run/proxy.cfg")
    fails(host, shop.docker(NEW, {"healthy": False, "fault": "crash"}), "its container exited with code 3")
    assert "nonsense" not in host.machine.check("cat /opt/hello/run/proxy.cfg")


# -- the clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(0, HOUR), (HOUR, 0)], ids=["forwards", "backwards"])
def test_a_clock_that_jumps_while_a_version_starts(
    host: Host, shop: Shop, serving: Bundle, before: int, after: int
) -> None:
    answer, watch = deploy_while_it_jumps(host, host.publish(shop.docker(NEW, SLOW, health=ATTEMPTS)), before, after)
    assert answer.outcome == "healthy", answer.output
    assert set(watch.heard) == {OLD, NEW}
    durations = answer.verdict["durations"]
    assert 3 < durations["health"] < 60  # an hour, or none, if the clock that jumps were asked
    assert durations["health"] < durations["total"] < 120
    works_again(host, host.publish(shop.docker("0.1.2-dev")))


@pytest.mark.parametrize(("before", "after"), [(0, HOUR), (HOUR, 0)], ids=["forwards", "backwards"])
def test_a_clock_that_jumps_while_a_version_fails(
    host: Host, shop: Shop, serving: Bundle, before: int, after: int
) -> None:
    """It has the attempts that it is due, no more and no fewer, and its last lines are found."""
    deaf = shop.docker(
        NEW, {"healthy": False, "fault": "deaf"}, code="print('its very words', flush=True)", health={"attempts": 3}
    )
    answer, watch = deploy_while_it_jumps(host, host.publish(deaf), before, after)
    assert (answer.code, answer.outcome, set(watch.heard)) == (6, "failed", {OLD}), answer.output
    assert answer.verdict["health"]["attempts"] == 3
    assert 5 < answer.verdict["durations"]["health"] < 10  # 3 s of grace, and 1 s after each attempt but the last
    assert "its very words" in answer.evidence


def deploy_while_it_jumps(host: Host, bundle: Bundle, before: int, after: int) -> tuple[Answer, Watch]:
    """Deploy, and set the clock by an hour while health is waited for; the journal shows that it was."""
    clock = Clock(host, before)
    answers: list[Answer] = []
    steps = len(host.journal())
    thread = threading.Thread(target=lambda: answers.append(host.deploy(bundle, clock.variables)))
    with Watch(host) as watch:
        thread.start()
        until(lambda: host.journal()[-1] == "health", 20, "its health is asked for")
        clock.off(after)
        thread.join()
    lines = [json.loads(line) for line in host.machine.check("cat /opt/hello/journal.jsonl").splitlines()[steps:]]
    when = {line["step"]: datetime.datetime.fromisoformat(line["at"]).timestamp() for line in lines}
    assert abs(when["end"] - when["health"] - (after - before)) < 60
    assert {line["deployment"] for line in lines} == {lines[0]["deployment"]}
    return answers[0], watch


def test_a_clock_that_is_set_back_makes_no_wait_longer() -> None:
    """Where the kernel does not tell the time since the boot, looks are counted: an hour goes back with each."""
    script = f"""
    . {ROOT}/deploy/host/health.sh
    lives() {{ return 0; }}
    goes_on() {{ return 0; }}
    now=100000000
    clock() {{ now=$((now - 3600000)); REPLY=$now; }}
    pause blue 1
    """
    assert subprocess.run(["bash", "-c", script], timeout=10, check=False).returncode == 0


# -- somebody else -----------------------------------------------------------------------------------------------------


def test_two_deployments_at_once(host: Host, shop: Shop, serving: Bundle) -> None:
    slow, other = host.publish(shop.docker(NEW, SLOW, health=ATTEMPTS)), host.publish(shop.docker("0.1.2-dev"))
    with Watch(host) as watch, deploying(host, slow) as first:
        until(lambda: running(host) == [NEW, OLD] and host.journal()[-1] == "health", 20, "the first is under way")
        before = changeable(host)
        second = host.deploy(other)
        assert changeable(host) == before
    assert (second.code, second.outcome, second.serving) == (4, "held", OLD), second.output
    assert re.search("another action runs on this host: deployment .*, at the step health", second.reason)
    assert "see when it has ended: inv status --env dev" in second.reason
    assert first[0].outcome == "healthy", first[0].output
    assert set(watch.heard) == {OLD, NEW}
    assert (running(host), host.answers()) == ([NEW], NEW)


def test_a_deployment_that_was_fenced_off_arrives_late(host: Host, shop: Shop, serving: Bundle) -> None:
    late = host.order("deploy", host.publish(shop.docker(NEW)))
    works_again(host, host.publish(shop.docker("0.1.2-dev")))
    before = changeable(host)
    with never_stops(host, "0.1.2-dev"):
        answer = host.run(late)
    assert (answer.code, answer.outcome, answer.serving) == (4, "held", "0.1.2-dev"), answer.output
    assert "somebody took over the environment; see who: inv history --env dev" in answer.reason
    assert changeable(host) == before
    assert running(host) == ["0.1.2-dev"]


def changeable(host: Host) -> list[str]:
    """What an action could change: journal, state, fencing number, releases, units, containers, images."""
    look = (
        "cd /opt/hello; cat journal.jsonl state.json fence run/proxy.map; ls releases incoming secrets",
        "cat /etc/systemd/system/hello*; readlink /opt/hello/current",
        "docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'; docker images --all --quiet",
    )
    return [host.machine.run(script).out for script in look]
