"""A small fleet of hosts that really run the app: a canary, one host that fails, and a heal. Asked over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.adapters.machine import LocalMachine
from tagship.errors import Incomplete, RollbackFailed
from tagship.sandbox import lifecycle
from tagship.sandbox.state import SandboxHost
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tagship.verbs.shell import shell
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.machine import read_only, runs
from tests.sandbox.shop import Shop

RULES = {"MAX_CONCURRENCY": "1", "MAX_ERRORS": "34%", "CANARY": "true", "BAKE": "1"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Three hosts, of which one may fail, and 0.1.0 on each."""
    for name, value in RULES.items():
        monkeypatch.setenv(f"TAGSHIP_ENVIRONMENTS_E1_EC2_ROLLOUT_{name}", value)
    root = shop.make(tmp_path / "shop", ["e1"])
    made = Shop(root, start(root, hosts=3), "e1")
    deploy(made.app(), artifact=made.publish("0.1.0"))
    yield made
    lifecycle.down(root)


def test_a_host_that_fails_is_left_behind_named_and_healed_without_touching_the_others(here: Shop) -> None:
    old, new = here.version("0.1.0"), here.publish("0.1.1")
    last = here.hosts[-1]
    python = last.root / "bin/python3"
    works = python.read_text("utf-8")
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    with pytest.raises(Incomplete) as caught:
        deploy(here.app(), artifact=new)
    assert f"serves on 2 of 3 hosts of e1; not on {last.name} ({last.id})" in caught.value.what
    assert here.serving() == [new, new, old]
    [found] = status(here.app(), env="e1")
    assert [one.id for one in found.units if one.drift] == [last.id]
    python.write_text(works, "utf-8")
    before = [(host.root / "opt/hello/journal.jsonl").read_bytes() for host in here.hosts[:-1]]
    assert heal(here.app()).state == "healthy"
    assert here.serving() == [new] * 3
    assert [(host.root / "opt/hello/journal.jsonl").read_bytes() for host in here.hosts[:-1]] == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder read-only")
def test_a_host_whose_disk_is_read_only_holds_no_rollback_up_and_nobody_gets_the_bad_version_back(here: Shop) -> None:
    old, bad = here.version("0.1.0"), here.publish("0.1.1")
    deploy(here.app(), artifact=bad)
    first = here.hosts[0]
    with read_only(first.root / "opt/hello"):
        with pytest.raises(Incomplete) as caught:
            rollback(here.app(), to=old)
        assert f"not on {first.name} ({first.id})" in caught.value.what
        assert "is read-only" in caught.value.what
        assert caught.value.state.startswith(f"{bad} is serving on {first.name}, and {old} is serving on ")
        assert here.serving() == [bad, old, old]
        with pytest.raises(Incomplete) as again:
            heal(here.app())
        assert again.value.state.startswith(f"{bad} is serving on {first.name}, and {old} is serving on ")
    assert heal(here.app()).state == "healthy"
    assert here.serving() == [old] * 3


def _kill_app(host: SandboxHost) -> None:
    """End the app's process as the kernel does; the proxy goes on."""
    records = [host.root / "opt/hello/run" / colour for colour in ("blue", "green")]
    for pid in (record.read_text().split()[0] for record in records if record.exists()):
        if runs(pid):
            os.kill(int(pid), signal.SIGKILL)


def _cannot_start(host: SandboxHost) -> None:
    python = host.root / "bin/python3"
    python.rename(python.with_name("python3-itself"))
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    python.chmod(0o755)


def _can_start(host: SandboxHost) -> None:
    python = host.root / "bin/python3"
    python.with_name("python3-itself").rename(python)


def test_an_app_that_dies_after_it_was_recorded_healthy_is_not_called_healthy_by_anybody(here: Shop) -> None:
    old, new = here.version("0.1.0"), here.publish("0.1.1")
    assert deploy(here.app(), artifact=new).state == "healthy"
    recorded = [deployment.id for deployment in here.app().ledger.deployments("e1")]
    for host in here.hosts:
        _kill_app(host)
        _cannot_start(host)
    assert here.serving() == [""] * 3
    [found] = status(here.app(), env="e1")
    assert found.artifact == new
    assert all(new not in unit.runs and unit.drift for unit in found.units)
    assert (found.drifted, found.back) == (True, old)
    with pytest.raises(RollbackFailed) as seen:
        verify(here.app(), artifact=new)
    assert seen.value.remedy.startswith(f"Go back: inv rollback --to {old}")
    with pytest.raises(RollbackFailed) as caught:
        heal(here.app())
    assert "Nothing is serving" in caught.value.state
    later = [deployment for deployment in here.app().ledger.deployments("e1") if deployment.id not in recorded]
    assert "healthy" not in {deployment.state for deployment in later}
    for host in here.hosts:
        _can_start(host)
    assert heal(here.app()).state == "healthy"
    assert here.serving() == [new] * 3


def test_an_app_that_dies_on_one_host_is_named_and_started_again_by_a_heal(here: Shop) -> None:
    new = here.publish("0.1.1")
    deploy(here.app(), artifact=new)
    dead = here.hosts[1]
    _kill_app(dead)
    assert here.serving() == [new, "", new]
    assert [unit.id for unit in status(here.app(), env="e1")[0].units if unit.drift] == [dead.id]
    with pytest.raises(Incomplete) as caught:
        verify(here.app(), artifact=new)
    assert f"nothing is serving on {dead.name}" in caught.value.state
    assert heal(here.app()).state == "healthy"
    assert here.serving() == [new] * 3


def test_an_env_that_somebody_edited_is_drift_that_a_heal_mends_and_nobody_prints_it(
    here: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    version, host = here.version("0.1.0"), here.hosts[1]
    file = host.root / "opt/hello/.env"
    before = file.read_bytes()
    file.write_text("TOKEN='hunter2hunter2'\n", "utf-8")
    [found] = status(here.app(), env="e1")
    assert [(unit.id, unit.drift) for unit in found.units if unit.drift] == [
        (host.id, "edited by hand since it was deployed: .env")
    ]
    assert "to have these files as they were deployed: inv heal --env e1" in capsys.readouterr().out
    assert heal(here.app()).state == "healthy"
    assert file.read_bytes() == before
    assert here.serving() == [version] * 3
    [found] = status(here.app(), env="e1")
    assert not found.drifted
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err


def test_a_shell_on_a_sandboxs_host_is_opened_in_its_folder(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    app, host = here.app(), here.hosts[1]
    attached: list[list[str]] = []
    monkeypatch.setattr(LocalMachine, "attach", lambda _self, words, _variables: attached.append(list(words)) or 0)
    monkeypatch.setattr(type(app.prompt), "possible", property(lambda _self: True))
    assert shell(app, env="e1", unit=host.name).unit == host.name
    [words] = attached
    assert words[-2:] == [str(host.root), host.name]
    said = subprocess.run(words, input="pwd", capture_output=True, text=True, check=False)
    assert Path(said.stdout.strip()) == host.root
