"""The host program on a real host: Docker, systemd as PID 1, HAProxy in front."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.request
from typing import Any

import pytest

from tests.host.ground import until
from tests.host.host import BUCKET, PORT, Host, Shop
from tests.host.registry import PASSWORD, Registry
from tests.sandbox.bundles import BUILT, COMMIT, Bundle
from tests.sandbox.machine import Answer

# Values that a shell, systemd or Docker could be tempted to read something into.
ODD = "a 'b' \"c\" $HOME ${PATH} %h %% `id` \\ é\nsecond line"


def test_deploy_twice_and_roll_back(host: Host, shop: Shop) -> None:
    first, second = host.publish(shop.docker("0.1.0-dev")), host.publish(shop.docker("0.1.1-dev"))
    for bundle, previous in ((first, ""), (second, "0.1.0-dev")):
        answer = host.deploy(bundle)
        assert (answer.outcome, answer.previous) == ("healthy", previous), answer.output
        assert host.answers() == bundle.artifact
    answer = host.rollback(first)
    assert (answer.outcome, answer.serving, answer.previous) == ("healthy", "0.1.0-dev", "0.1.1-dev")
    assert host.answers() == "0.1.0-dev"
    assert running(host) == ["0.1.0-dev"]
    assert host.status().serving == "0.1.0-dev"


def test_the_app_carried_by_the_bundle_runs_under_systemd_too(host: Host, shop: Shop) -> None:
    for version in ("0.1.0-dev", "0.1.1-dev"):
        answer = host.deploy(host.publish(shop.process(version)))
        assert answer.outcome == "healthy", answer.output
        assert host.answers() == version
    assert host.machine.check("systemctl show -p NRestarts --value hello@green hello-proxy").split() == ["0", "0"]


def test_a_host_moves_from_a_process_to_a_container_and_back(host: Host, shop: Shop) -> None:
    first = host.publish(shop.process("0.1.0-dev"))
    assert host.deploy(first).outcome == "healthy"
    assert host.deploy(host.publish(shop.docker("0.1.1-dev"))).outcome == "healthy"
    assert running(host) == ["0.1.1-dev"]
    assert host.rollback(first).outcome == "healthy"
    assert (running(host), host.answers()) == ([], "0.1.0-dev")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("crash", "its container exited with code 3"),
        ("error", "it answered 500"),
        ("deaf", "it does not listen"),
        ("impostor", "it answered as 0.0.0-impostor"),
        ("late-crash", "its container exited with code 4"),
    ],
)
def test_a_broken_version_is_caught_before_it_serves(host: Host, shop: Shop, fault: str, reason: str) -> None:
    assert host.deploy(host.publish(shop.docker("0.1.0-dev"))).outcome == "healthy"
    broken = shop.docker("0.1.1-dev", {"healthy": False, "fault": fault}, health={"attempts": 3})
    answer = host.deploy(host.publish(broken))
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev"), answer.output
    assert reason in answer.reason
    assert "its last lines" in answer.evidence
    assert (running(host), host.answers()) == (["0.1.0-dev"], "0.1.0-dev")
    assert host.deploy(host.publish(shop.docker("0.1.2-dev"))).outcome == "healthy"


def test_after_a_power_cut_the_committed_version_serves(host: Host, shop: Shop) -> None:
    deploy_two(host, shop)
    host.machine.kill()
    host.machine.boot()
    until(lambda: host.answers() == "0.1.1-dev", 10, "the committed version serves again")
    assert host.status().serving == "0.1.1-dev"
    assert running(host) == ["0.1.1-dev"]
    assert host.deploy(host.publish(shop.docker("0.1.2-dev"))).outcome == "healthy"


@pytest.mark.parametrize("fault", ["crash", "deaf"])
def test_what_a_killed_deployment_left_behind_is_stopped_by_the_next(host: Host, shop: Shop, fault: str) -> None:
    first = host.publish(shop.docker("0.1.0-dev"))
    assert host.deploy(first).outcome == "healthy"
    broken = host.publish(shop.docker("0.1.1-dev", {"healthy": False, "fault": fault}))
    host.machine.run(host.script(host.order("deploy", broken)), {"TAGSHIP_KILL_AFTER": "health"})
    assert host.answers() == "0.1.0-dev"
    assert host.deploy(first).outcome == "unchanged"
    assert running(host) == ["0.1.0-dev"]
    assert host.machine.run("systemctl show -p ActiveState --value hello@green").out.strip() == "inactive"


def test_a_kept_version_needs_neither_registry_nor_bucket(host: Host, shop: Shop, registry: Registry) -> None:
    first, _ = deploy_two(host, shop)
    shutil.rmtree(host.aws / "s3" / BUCKET)
    registry.stop()
    try:
        answer = host.rollback(first)
    finally:
        registry.start()
    assert (answer.outcome, answer.serving) == ("healthy", "0.1.0-dev"), answer.output


def test_an_image_that_cannot_be_pulled_changes_nothing(host: Host, shop: Shop, registry: Registry) -> None:
    assert host.deploy(host.publish(shop.docker("0.1.0-dev"))).outcome == "healthy"
    second = host.publish(shop.docker("0.1.1-dev"))
    registry.stop()
    try:
        answer = host.deploy(second)
    finally:
        registry.start()
    refused(host, answer, "connection refused")
    (host.aws / "ecr-password").write_text("wrong")
    refused(host, host.deploy(second), "401 Unauthorized")
    (host.aws / "ecr-password").write_text(PASSWORD)
    assert host.deploy(second).outcome == "healthy"


def test_no_login_stays_on_the_host(host: Host, shop: Shop) -> None:
    deploy_two(host, shop)
    secrets = (PASSWORD.encode(), base64.b64encode(f"AWS:{PASSWORD}".encode()))
    written = [path for path in host.machine.written() if any(secret in path.read_bytes() for secret in secrets)]
    assert written == []


def test_odd_values_reach_the_container_exactly_and_are_seen_nowhere_else(host: Host, shop: Shop) -> None:
    bundle = shop.docker("0.1.0-dev", variables={"ODD": ODD, "EMPTY": ""})
    assert host.deploy(host.publish(bundle)).outcome == "healthy"
    program = "import os, json; print(json.dumps(dict(os.environ)))"
    variables = json.loads(host.machine.check(f"docker exec hello-blue python3 -c '{program}'"))
    assert (variables["ODD"], variables["EMPTY"], variables["ENVIRONMENT"]) == (ODD, "", "dev")
    assert variables["VERSION"] == "0.1.0-dev"
    assert "second line" not in host.machine.check("cat /proc/[0-9]*/cmdline; journalctl --no-pager")
    assert host.machine.check("stat -c %a /opt/hello/.env /opt/hello/run/blue.env").split() == ["600", "600"]


def test_a_container_says_what_it_was_built_from(host: Host, shop: Shop) -> None:
    """By its labels, to whoever looks at the host; by its environment, to the app."""
    assert host.deploy(host.publish(shop.docker("0.1.0-dev"))).outcome == "healthy"
    config = json.loads(host.machine.check("docker inspect --format '{{json .Config}}' hello-blue"))
    facts = {"app": "hello", "environment": "dev", "artifact": "0.1.0-dev", "commit": COMMIT, "build-time": BUILT}
    assert {f"tagship.{name}": value for name, value in facts.items()}.items() <= config["Labels"].items()
    assert {f"COMMIT_SHA={COMMIT}", f"BUILD_TIME={BUILT}", "ENVIRONMENT=dev", "VERSION=0.1.0-dev"} <= {*config["Env"]}
    with urllib.request.urlopen(f"http://{host.machine.address}:{PORT}/healthz", timeout=5) as answer:
        assert json.load(answer)["commit"] == COMMIT


def test_a_container_has_the_limits_of_the_settings(host: Host, shop: Shop) -> None:
    bundle = shop.docker("0.1.0-dev", limits={"memory": "64m", "pids": 50})
    assert host.deploy(host.publish(bundle)).outcome == "healthy"
    told = host.machine.check("docker inspect --format '{{json .HostConfig}}' hello-blue")
    limits = json.loads(told)
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (64 << 20, 64 << 20, 50)
    assert (limits["Init"], limits["SecurityOpt"]) == (True, ["no-new-privileges"])


def test_what_serves_survives_its_own_crash_and_a_restart_of_docker(host: Host, shop: Shop) -> None:
    deploy_two(host, shop)
    host.machine.check("docker kill hello-green")
    until(lambda: host.answers() == "0.1.1-dev", 15, "it is started anew after a crash")
    host.machine.check("systemctl restart docker")
    until(lambda: host.answers() == "0.1.1-dev", 20, "it is started anew after Docker")
    assert host.status().outcome == "healthy"
    assert host.deploy(host.publish(shop.docker("0.1.2-dev"))).outcome == "healthy"


def test_a_proxy_configuration_broken_by_hand_is_put_right(host: Host, shop: Shop) -> None:
    deploy_two(host, shop)
    host.machine.check("echo nonsense >> /opt/hello/run/proxy.cfg; systemctl restart hello-proxy --no-block; sleep 0.5")
    assert host.answers() == ""
    answer = host.deploy(host.publish(shop.docker("0.1.2-dev")))
    assert (answer.outcome, host.answers()) == ("healthy", "0.1.2-dev"), answer.output


def test_images_of_pruned_versions_go(host: Host, shop: Shop) -> None:
    for number in range(4):
        answer = host.deploy(host.publish(shop.docker(f"0.1.{number}-dev", {"greeting": str(number)}, keep=2)))
        assert answer.outcome == "healthy"
    assert answer.kept == ["0.1.2-dev", "0.1.3-dev"]
    assert len(set(host.machine.check("docker images --quiet --no-trunc").split())) == 2
    assert named(host) == ["hello_0.1.2-dev", "hello_0.1.3-dev"]


def test_images_of_kept_versions_outlive_dockers_own_pruning(host: Host, shop: Shop, registry: Registry) -> None:
    """Without their containers, too; and where two versions are of one image, the one that is pruned leaves it."""
    shared = shop.image("0.1.0-dev", {})
    bundles = [host.publish(shop.docker(f"0.1.{n}-dev", image=shared if n < 2 else None, keep=3)) for n in range(4)]
    for bundle in bundles:
        answer = host.deploy(bundle)
        assert answer.outcome == "healthy", answer.output
    assert answer.kept == ["0.1.1-dev", "0.1.2-dev", "0.1.3-dev"]
    host.machine.check("docker container prune --force; docker image prune --force")
    registry.stop()
    try:
        answer = host.rollback(bundles[1])
    finally:
        registry.start()
    assert (answer.outcome, answer.serving) == ("healthy", "0.1.1-dev"), answer.output


def test_an_image_that_an_earlier_tagship_pulled_is_kept_from_the_next_pull_on(host: Host, shop: Shop) -> None:
    deploy_two(host, shop)
    host.machine.check("docker images tagship --format '{{.Repository}}:{{.Tag}}' | xargs docker rmi")
    assert host.deploy(host.publish(shop.docker("0.1.2-dev"))).outcome == "healthy"
    assert named(host) == ["hello_0.1.0-dev", "hello_0.1.1-dev", "hello_0.1.2-dev"]


def test_an_image_has_no_name_any_more_when_its_version_is_pruned_by_one_that_is_no_container(
    host: Host, shop: Shop
) -> None:
    bundles = [shop.docker("0.1.0-dev"), *(shop.process(f"0.1.{number}-dev", keep=2) for number in (1, 2))]
    for bundle in bundles:
        answer = host.deploy(host.publish(bundle))
        assert answer.outcome == "healthy", answer.output
    assert answer.kept == ["0.1.1-dev", "0.1.2-dev"]
    assert named(host) == []


def named(host: Host) -> list[str]:
    """The names that kept images have on the host."""
    return sorted(host.machine.check("docker images tagship --format '{{.Tag}}'").split())


def deploy_two(host: Host, shop: Shop) -> tuple[Bundle, Bundle]:
    """0.1.0-dev, then 0.1.1-dev, which serves."""
    bundles = tuple(host.publish(shop.docker(version)) for version in ("0.1.0-dev", "0.1.1-dev"))
    for bundle in bundles:
        answer = host.deploy(bundle)
        assert answer.outcome == "healthy", answer.output
    return bundles[0], bundles[1]


def refused(host: Host, answer: Answer, reason: str) -> None:
    """The deployment failed for that reason, and 0.1.0-dev serves as before."""
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev"), answer.output
    assert reason in answer.reason
    assert (running(host), host.answers()) == (["0.1.0-dev"], "0.1.0-dev")


def running(host: Host) -> list[str]:
    """The artifacts whose containers run."""
    return host.machine.check("docker ps --format '{{.Label \"tagship.artifact\"}}'").split()


def test_an_app_that_answers_nothing_is_healthy_by_staying_up(host: Host, shop: Shop) -> None:
    worker = "import time\nwhile True:\n    time.sleep(1)"
    stays: dict[str, Any] = {"health": {"kind": "alive", "seconds": 2}}
    first = host.publish(shop.process("0.1.0-dev", code=worker, **stays))
    assert (host.deploy(first).outcome, host.status().outcome) == ("healthy", "healthy")
    broken = host.publish(shop.process("0.1.1-dev", code="import time\ntime.sleep(0.5)\nsys.exit(7)", **stays))
    answer = host.deploy(broken)
    assert (answer.outcome, answer.serving, answer.reason) == ("failed", "0.1.0-dev", "it exited with code 7")
    assert host.deploy(host.publish(shop.process("0.1.2-dev", code=worker, **stays))).outcome == "healthy"
    assert host.rollback(first).outcome == "healthy"
    assert host.status().serving == "0.1.0-dev"
    host.machine.check("systemctl stop 'hello@*'")
    assert host.status().outcome == "failed"
