"""Secrets in a container: each value exactly, and in no argument, unit, journal or log of the host."""

from __future__ import annotations

import json

from tagship.domain.secrets import SSM, SecretRef
from tests.host.host import REPOSITORY, Host, Shop, _units
from tests.sandbox.bundles import Bundle, make, settings

ODD = "zq7 'b' \"c\" $HOME ${PATH} %h %% `id` # \\ é\nzq7 second line \n"
PROGRAM = "import os, json; print(json.dumps(dict(os.environ)))"


def keep(host: Host, *values: str) -> None:
    """What Parameter Store answers: the first value is version 1, and so on."""
    parameters = [{"Name": "/hello/odd", "Version": n, "Value": value} for n, value in enumerate(values, 1)]
    (host.aws / "parameters.json").write_text(json.dumps({"Parameters": parameters}, indent=4, ensure_ascii=False))


def shipped(host: Host, shop: Shop, version: str, of: str) -> Bundle:
    image = shop.image(version, {}, "")
    chosen = settings(image={"repository": REPOSITORY}, runtime="docker", manager="systemd")
    secrets = {"ODD": SecretRef(SSM, "/hello/odd", of)}
    bundle = host.publish(make(version, using=chosen, more=_units(), image=image, secrets=secrets))  # type: ignore[arg-type]
    answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    return bundle


def value(host: Host) -> str:
    """What the app that serves has."""
    running = host.machine.check("docker ps --quiet --filter label=tagship.app=hello").strip()
    found: str = json.loads(host.machine.check(f"docker exec {running} python3 -c '{PROGRAM}'"))["ODD"]
    return found


def test_a_container_has_the_versions_of_its_release_and_nobody_else_sees_them(host: Host, shop: Shop) -> None:
    keep(host, ODD, "zq7 newer")
    first = shipped(host, shop, "0.1.0-dev", "1")
    assert value(host) == ODD
    shipped(host, shop, "0.1.1-dev", "2")
    assert value(host) == "zq7 newer"
    (host.aws / "parameters.json").unlink()
    assert host.rollback(first).outcome == "healthy"
    assert value(host) == ODD
    written = "/opt/hello/journal.jsonl /opt/hello/log/* /opt/hello/run/*.start"
    assert "zq7" not in host.machine.check(f"cat /proc/[0-9]*/cmdline {written}; journalctl --no-pager")
    open_to_others = "find /opt/hello -name '*.env' ! -perm 600; find /opt/hello/secrets -perm /077"
    assert host.machine.check(open_to_others).strip() == ""
    # Docker itself keeps a container's environment, for root alone. (grep ends with 1 where it finds nothing,
    # and with 2 where a file goes away under it: neither is a find, and anything else is a search that was not made.)
    found = host.machine.check("grep -rl zq7 /etc /run /tmp 2>/dev/null || [ $? -le 2 ]").split()
    assert all(path.startswith("/run/containerd/") for path in found), found
