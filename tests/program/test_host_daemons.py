"""Manager `process`: what an app starts and lets go of ends with it, also where it left the session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bundles import Bundle, make, settings
from tests.sandbox.conftest import until
from tests.sandbox.machine import Machine, machine, runs

# Hosts are Linux. Without /proc (the sandbox on macOS) nothing tells whose such a process is: manager_process.sh.
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="a process that left its session is found in /proc"
)

# Forks twice with a session of its own between, as a daemon does. DEAF ones do not hear TERM.
DAEMON = """
import os, pathlib, signal, sys, time
def daemon(deaf):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(os.environ["OUTPUT_DIR"] + "/daemons", "a") as out:
        print(os.getpid(), file=out)
    time.sleep(600)
    os._exit(0)
for deaf in {deaf}:
    daemon(deaf)
folder = pathlib.Path(os.environ["OUTPUT_DIR"])
while not (folder / "daemons").exists() or len((folder / "daemons").read_text().split()) < {count}:
    time.sleep(0.01)
if "{then}" == "leave":
    sys.exit(0)
import runpy
runpy.run_path("examples/hello/app.py", run_name="__main__")
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def ship(host: Machine, version: str, deaf: list[bool], then: str = "serve", **environment: object) -> Bundle:
    text = DAEMON.format(deaf=deaf, count=len(deaf), then=then).encode()
    using = settings(command=[sys.executable, "daemon.py"], **environment)
    bundle = make(version, using=using, more={"daemon.py": text})
    bundle.put(host.bucket)
    return bundle


def daemons(host: Machine) -> list[str]:
    """Those that live, of all that were started."""
    path = host.base / "output/daemons"
    return [pid for pid in path.read_text().split() if runs(pid)] if path.exists() else []


def plain(host: Machine, version: str) -> Bundle:
    bundle = make(version)
    bundle.put(host.bucket)
    return bundle


def test_a_daemon_ends_with_the_version_that_started_it(host: Machine) -> None:
    assert host.deploy(ship(host, "0.1.0-dev", [False])).outcome == "healthy"
    assert len(daemons(host)) == 1
    answer = host.deploy(plain(host, "0.1.1-dev"))
    assert (answer.outcome, daemons(host), host.answers()) == ("healthy", [], "0.1.1-dev"), answer.output
    assert "Stopping what left the session of blue" in answer.output


def test_a_daemon_that_does_not_hear_is_killed(host: Machine) -> None:
    bundle = ship(host, "0.1.0-dev", [True, False], "leave")
    answer = host.deploy(bundle)
    assert (answer.outcome, daemons(host)) == ("failed", []), answer.output


def test_a_command_that_puts_itself_into_the_background_is_told_so_and_leaves_nothing(host: Machine) -> None:
    answer = host.deploy(ship(host, "0.1.0-dev", [False], "leave"))
    assert (answer.outcome, daemons(host)) == ("failed", []), answer.output
    assert answer.reason == (
        "it exited with code 0, and left processes behind: the command has to stay in the foreground"
    )


def test_what_a_killed_deployment_left_is_found_by_the_next(host: Machine) -> None:
    host.run(host.order("deploy", ship(host, "0.1.0-dev", [False], "leave")), {"TAGSHIP_KILL_AFTER": "health"})
    until(lambda: len(daemons(host)) == 1)
    answer = host.deploy(plain(host, "0.1.1-dev"))
    assert (answer.outcome, daemons(host)) == ("healthy", []), answer.output


def test_what_serves_keeps_its_daemon_when_another_version_fails(host: Machine) -> None:
    assert host.deploy(ship(host, "0.1.0-dev", [False])).outcome == "healthy"
    bad = make("0.1.1-dev", {"healthy": False})
    bad.put(host.bucket)
    assert host.deploy(bad).outcome == "failed"
    assert len(daemons(host)) == 1
    assert host.deploy(plain(host, "0.1.2-dev")).outcome == "healthy"
    assert daemons(host) == []
