"""The proxy in front: its configuration changes while it serves, and it is started where a boot did not."""

from __future__ import annotations

from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.host.test_deploy import running
from tests.sandbox.bundles import Bundle

# An HAProxy that finds no configuration good.
CRITIC = """\
#!/bin/sh
[ "$1" != -c ] || exit 1
exec /usr/sbin/haproxy "$@"
"""


def test_an_app_moves_to_another_port_and_back(host: Host, shop: Shop, serving: Bundle) -> None:
    """The worker that is told to switch is the new one, however soon after the reload."""
    moved = host.publish(shop.docker("0.1.1-dev", port=8081))
    for _ in range(3):
        answer = host.deploy(moved)
        assert (answer.outcome, host.answers(8081)) == ("healthy", "0.1.1-dev"), answer.output
        answer = host.rollback(serving)
        assert (answer.outcome, host.answers()) == ("healthy", "0.1.0-dev"), answer.output
    assert host.answers(8081) == ""


def test_a_configuration_that_the_proxy_cannot_use_is_not_written(host: Host, shop: Shop, serving: Bundle) -> None:
    moved = host.publish(shop.docker("0.1.1-dev", port=8081))
    critic = host.machine.root / "usr/local/bin/haproxy"
    critic.write_text(CRITIC)
    critic.chmod(0o755)
    try:
        answer = host.deploy(moved)
    finally:
        critic.unlink()
    assert (answer.outcome, answer.code, answer.serving) == ("rolled-back", 6, "0.1.0-dev"), answer.output
    assert "the proxy cannot use its configuration: haproxy -c -f /opt/hello/run/.proxy.cfg.new" in answer.reason
    assert "ActiveState=active" in answer.evidence
    assert (host.answers(), running(host)) == ("0.1.0-dev", ["0.1.0-dev"])
    assert host.deploy(moved).outcome == "healthy"


def test_what_a_boot_did_not_start_is_started_by_the_next_action(host: Host, serving: Bundle) -> None:
    host.machine.check("systemctl disable --quiet hello-boot")
    host.machine.kill()
    host.machine.boot()
    assert host.answers() == ""
    answer = host.run(host.order("prune", None))
    assert (answer.outcome, answer.serving) == ("pruned", serving.artifact), answer.output
    until(lambda: host.answers() == serving.artifact, 5, "it serves")
    assert running(host) == [serving.artifact]


def test_prune_does_not_say_that_what_hangs_serves(host: Host, shop: Shop) -> None:
    bundle = host.publish(shop.docker("0.1.0-dev", health={"attempts_after_rollback": 1, "timeout": 1}))
    assert host.deploy(bundle).outcome == "healthy"
    host.machine.check("docker pause hello-blue")
    answer = host.run(host.order("prune", None))
    assert (answer.outcome, answer.code, answer.serving) == ("failed", 6, ""), answer.output
    assert "0.1.0-dev is recorded as serving, and it did not answer within 1 s" in answer.reason
    host.machine.check("docker unpause hello-blue")
    assert host.run(host.order("prune", None)).outcome == "pruned"
