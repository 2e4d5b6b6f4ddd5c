"""What every test of a fault asks: it fails in words that help, nobody outside notices, it works again."""

from __future__ import annotations

import os

from tests.host.host import Host
from tests.host.test_deploy import running
from tests.host.watching import never_stops
from tests.sandbox.bundles import Bundle
from tests.sandbox.machine import Answer

OLD, NEW = "0.1.0-dev", "0.1.1-dev"


def fails(host: Host, bundle: Bundle, *words: str) -> Answer:
    """Deploying that fails with those words, and nobody notices."""
    host.publish(bundle)
    before = host.state()
    with never_stops(host, OLD):
        answer = host.deploy(bundle)
    assert (answer.code, answer.outcome, answer.serving) in {(6, "failed", OLD), (5, "refused", OLD)}, answer.output
    for word in words:
        assert word in answer.reason, answer.output
    assert (running(host), host.state()) == ([OLD], before)
    return answer


def works_again(host: Host, bundle: Bundle) -> None:
    answer = host.deploy(bundle)
    assert (answer.outcome, host.answers()) == ("healthy", bundle.artifact), answer.output


def ballast(kib: int) -> str:
    """A line of Python that no compression makes smaller than so many KiB."""
    return f"# {os.urandom(kib << 10).hex()}"


def images(host: Host) -> list[str]:
    return host.machine.check("docker images --all --quiet --no-trunc").split()


def restart_docker(host: Host) -> None:
    """As often as a test likes: systemd gives a unit up that is started three times a minute."""
    host.machine.check("systemctl reset-failed docker.service docker.socket; systemctl restart docker")
