"""Folders of ec2.volumes on a folder that stands for a host: made for an owner, or missed before anything is started.

Owners, links and containers need root and a real host: tests/host/test_adopt.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bundles import Bundle, make, settings
from tests.sandbox.machine import Machine, machine


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        conf = one.root / "etc/tagship/hello/host.conf"
        conf.write_text(conf.read_text() + "MANAGER=process\n")  # as a sandbox's host has it
        yield one


def bundle(host: Machine, version: str, **volume: object) -> Bundle:
    volumes = [{"host": "/srv/hello/data", "container": "/data", **volume}]
    made = make(version, using=settings(manager="systemd", volumes=volumes))
    made.put(host.bucket)
    return made


def test_a_folder_with_an_owner_is_made_below_the_hosts_own_root_and_kept(host: Machine) -> None:
    folder = host.root / "srv/hello/data"
    answer = host.deploy(bundle(host, "0.1.0-dev", owner="1000:1000"))
    assert answer.outcome == "healthy", answer.output
    assert (folder.stat().st_mode & 0o777, list(folder.iterdir())) == (0o750, [])
    assert f"Made {folder}, for 1000:1000." in answer.output
    assert f"{folder} is there. The sandbox mounts nothing: the app does not see it at /data." in answer.output
    (folder / "orders").write_text("42\n")
    again = host.deploy(bundle(host, "0.1.1-dev", owner="1000:1000"))
    assert (again.outcome, (folder / "orders").read_text()) == ("healthy", "42\n")
    assert "Made " not in again.output


def test_a_folder_without_an_owner_that_is_missing_stops_all_before_anything_is_started(host: Machine) -> None:
    good = make("0.1.0-dev")
    good.put(host.bucket)
    assert host.deploy(good).outcome == "healthy"
    before = host.state()
    answer = host.deploy(bundle(host, "0.1.1-dev"))
    folder = host.root / "srv/hello/data"
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev")
    assert f"the folder {folder} of ec2.volumes is not on this host: make it" in answer.reason
    assert (host.state(), host.answers(), folder.exists()) == (before, "0.1.0-dev", False)
    folder.mkdir(parents=True)
    assert host.deploy(bundle(host, "0.1.1-dev")).outcome == "healthy"
