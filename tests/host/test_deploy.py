"""The host program on a real host: Docker, systemd as PID 1, HAProxy in front."""

from __future__ import annotations

from tests.host.host import Host, Shop


def test_deploy_twice_and_roll_back(host: Host, shop: Shop) -> None:
    first, second = host.publish(shop.docker("0.1.0-dev")), host.publish(shop.docker("0.1.1-dev"))
    answer = host.deploy(first)
    print(answer.output, answer.errors, answer.seconds)
    assert answer.outcome == "healthy", answer.output
    assert host.answers() == "0.1.0-dev"
    answer = host.deploy(second)
    print(answer.output, answer.seconds)
    assert answer.outcome == "healthy", answer.output
    assert host.answers() == "0.1.1-dev"
    answer = host.rollback(first)
    print(answer.output, answer.seconds)
    assert host.answers() == "0.1.0-dev"
