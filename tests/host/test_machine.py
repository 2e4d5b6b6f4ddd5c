"""The harness itself: a machine is what it says, and nothing of it stays."""

from __future__ import annotations

import functools
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.host.conftest import MakeMachine
from tests.host.engine import Engine
from tests.host.ground import Ground, command, hierarchies, mounts, sweep, until
from tests.host.registry import HOST, PASSWORD, Registry

SERVE = "from http.server import *; ThreadingHTTPServer(('', 8080), SimpleHTTPRequestHandler).serve_forever()"


def test_a_machine_boots_with_systemd_and_docker(machine: MakeMachine) -> None:
    host = machine("web1")
    assert host.check("cat /proc/1/comm; systemctl is-system-running").split() == ["systemd", "running"]
    assert host.check("docker info --format '{{.Driver}} {{.Containers}} {{.Images}}'") == "overlay2 0 0"


def test_machines_pull_by_digest_and_serve_side_by_side(
    machine: MakeMachine, engine: Engine, registry: Registry, python_base: str
) -> None:
    digest = registry.digest("base/python", "system")
    assert digest == engine.digest(python_base)
    for host in (machine("web1"), machine("web2")):
        host.check(f"echo {PASSWORD} | docker login -u AWS --password-stdin {HOST}")
        host.check(f'docker run -d -p 80:8080 {HOST}/base/python@{digest} python3 -c "{SERVE}"')
        until(functools.partial(_answers, host.address), 5, f"{host.name} serves")


def test_a_power_cut_keeps_the_disk_and_nothing_else(machine: MakeMachine) -> None:
    host = machine("web1")
    host.check("echo kept > /root/file; echo lost > /run/file; systemctl start --no-block docker")
    sleeper = host.start("sleep 1000")
    host.kill()
    assert sleeper.wait(5) != 0
    host.boot()
    assert host.check("cat /root/file; test ! -e /run/file") == "kept"


def test_a_machine_that_is_off_can_be_switched_off_again(machine: MakeMachine) -> None:
    host = machine("web1")
    host.kill()
    host.kill()  # and the fixture once more


def test_the_bridge_keeps_its_address_when_machines_come_and_go(ground: Ground) -> None:
    """Or the others lose the registry, and the tests them, for as long as an ARP entry lives."""
    address = Path("/sys/class/net", ground.bridge, "address")
    before = address.read_text()
    command("ip", "link", "add", "ts-low", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "ts-peer")
    try:
        command("ip", "link", "set", "ts-low", "master", ground.bridge)
        assert address.read_text() == before
    finally:
        command("ip", "link", "delete", "ts-low")
    assert address.read_text() == before


def test_a_script_runs_as_an_agent_runs_it(machine: MakeMachine) -> None:
    done = machine("web1").run('echo "$0 $$ $(ps -o sid= $$) $KEY"; pwd; tty >&2; exit 7', {"KEY": "a 'b'"})
    shell, process, session, key = done.out.splitlines()[0].split(maxsplit=3)
    assert (shell, key, done.out.splitlines()[1], done.code) == ("sh", "a 'b'", "/", 7)
    assert process == session
    assert "not a tty" in done.out + done.err


def test_the_next_session_sweeps_what_a_killed_one_left() -> None:
    ready = "print(g.name, flush=True); import time; time.sleep(600)"
    lay = "from tests.host.ground import *; from tests.host.registry import *; from tests.host.machine import *"
    make = "g = Ground(); g.lay(); r = Registry(g); r.start(); Machine(g, r, 'web1').up()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{lay}; {make}; {ready}"], stdout=subprocess.PIPE, text=True
    ) as session:
        assert session.stdout
        name = session.stdout.readline().strip()
        session.kill()
    left = Path("/tmp/tagship-host", name)
    assert mounts(left)
    assert Path("/sys/class/net", f"ts{name[8:]}").exists()
    sweep()
    assert not mounts(left)
    assert not left.exists()
    assert not Path("/sys/class/net", f"ts{name[8:]}").exists()
    assert not [top for top in hierarchies() if (top / name).exists()]


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
