"""A fleet of simulated hosts, deployed to through the real workflow, botocore, HTTP and SSM's API.

What is asserted here of sixty hosts, `python -m scripts.bench fleet` measures on five hundred, with the time it takes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.fleet import AGAIN, Ground, grounds
from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.manifest import BundleRef, Manifest, sha256
from tagship.domain.origin import Origin
from tagship.errors import Incomplete
from tagship.sandbox import state
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.lock import lock
from tagship.verbs.status import status
from tagship.verbs.unlock import unlock
from tests.sandbox.conftest import client, until

pytestmark = pytest.mark.xdist_group("fleet")  # one sandbox for all of them

HOSTS = 60
TAGS = [{"Key": "tagship:environment", "Value": "dev"}]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Sixty hosts in batches of twelve, of which three may fail, and 0.1.0-dev on all of them."""
    with grounds(tmp_path_factory.mktemp("fleet"), HOSTS, "20%", "5%") as made:
        made.pace(0.01, 0.05)
        deploy(bootstrap.app(made.root), artifact=publish(made, "0.1.0"))
        yield made


@pytest.fixture(autouse=True)
def at_ease(ground: Ground) -> Iterator[None]:
    """Every test leaves hosts that are quick and do not fail."""
    yield
    ground.pace(0.01, 0.05)


def publish(ground: Ground, number: str) -> str:
    """An artifact of three objects, signed: simulated hosts fetch none of it, and all else reads the manifest alone."""
    app, version = bootstrap.app(ground.root), f"{number}-dev"
    key, body = layout.artifact("hello", "dev", version, layout.BUNDLE), version.encode()
    bundle = BundleRef(key, sha256(body), len(body), "0" * 64)
    raw = Manifest(
        app="hello",
        environment="dev",
        artifact_id=version,
        version=version,
        commit="0" * 40,
        branch="main",
        tag=version,
        build_time="2026-11-20T12:00:00Z",
        builder="tests",
        bundle=bundle,
        files={"VERSION": "0" * 64},
    ).to_json()
    objects = {layout.BUNDLE: body, layout.SIGNATURE: app.keys("dev").signer.sign(raw), layout.MANIFEST: raw}
    for name, stored in objects.items():
        app.store.create(
            layout.artifact("hello", "dev", version, name), stored, Origin("0" * 40, "main", "").metadata()
        )
    return version


def serving(ground: Ground) -> dict[str, str]:
    return {one: host["serving"] for one, host in ground.serving().items()}


def ssm(ground: Ground) -> Any:
    running = state.locate(ground.root)
    assert running
    return client(running, "ssm")


def sent(ground: Ground, version: str, action: str) -> list[list[str]]:
    """The hosts of every command that was sent for it, in the order of sending."""
    pages = ssm(ground).get_paginator("list_commands").paginate()
    found = [one for page in pages for one in page["Commands"]]
    mine = [one for one in found if one["Parameters"]["artifact"] == [version]]
    return [one["InstanceIds"] for one in reversed(mine) if one["Parameters"]["action"] == [action]]


def test_a_rolling_deployment_is_told_batch_by_batch_and_polls_by_the_page(ground: Ground) -> None:
    version = publish(ground, "0.1.1")
    ground.pace(0.2, 0.5)
    done = ground.deploy(version)
    assert done.code == 0, done.said
    assert [len(one) for one in sent(ground, version, "deploy")] == [1, 12, 12, 12, 12, 11]
    assert set(serving(ground).values()) == {version}
    assert done.most <= HOSTS / 50 + 1
    assert {one for each in done.polls for one in each} - {AGAIN} == {"ListCommandInvocations"}
    assert done.memory < 150


def test_too_many_failures_stop_it_and_every_changed_host_is_put_back_the_last_one_first(ground: Ground) -> None:
    before = serving(ground)
    [runs] = set(before.values())
    version = publish(ground, "0.1.2")
    ground.pace(0.01, 0.05, failing=ground.ids[15::11])
    done = ground.deploy(version)
    assert done.code == 6, done.said
    batches = sent(ground, version, "deploy")
    assert 1 < len(batches) < 6
    assert serving(ground) == before
    back = [one for batch in sent(ground, runs, "rollback") for one in batch]
    bad = set(ground.ids[15::11])
    assert back == [one for batch in reversed(batches) for one in reversed(batch) if one not in bad]
    assert ", and max_errors is 5%." in done.said


def test_a_few_failures_leave_it_partial_and_a_heal_touches_them_alone(ground: Ground) -> None:
    version = publish(ground, "0.1.3")
    bad = set(ground.ids[20:23])
    ground.pace(0.01, 0.05, failing=sorted(bad))
    app = bootstrap.app(ground.root)
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=version)
    assert all(one in caught.value.what for one in bad)
    assert caught.value.remedy.endswith("inv heal --env dev")
    [found] = status(bootstrap.app(ground.root), env="dev")
    assert found.partial.startswith("it is missing on 3 of 60 hosts: ")
    assert {one.id for one in found.units if one.drift} == bad
    ground.pace(0.01, 0.05)
    before = ground.serving()
    assert heal(bootstrap.app(ground.root), env="dev").state == "healthy"
    after = ground.serving()
    assert {one for one in after if after[one] != before[one]} == bad
    assert set(serving(ground).values()) == {version}


def test_hosts_that_leave_and_join_meanwhile_are_left_out_and_taken_in(ground: Ground) -> None:
    """By their tags, in the middle of it: one that was not told yet leaves, and one that had left comes back."""
    ec2 = client(_running(ground), "ec2")
    version = publish(ground, "0.1.4")
    app = bootstrap.app(ground.root)
    there = [host.id for host in app.target("dev").units()]
    comes, leaves = there[0], there[-1]
    [runs] = set(serving(ground).values())
    ec2.delete_tags(Resources=[comes], Tags=TAGS)
    ground.pace(0.3, 0.4)
    with _deploying(ground, version) as ran:
        until(lambda: len(sent(ground, version, "deploy")) >= 2)
        ec2.delete_tags(Resources=[leaves], Tags=TAGS)
        ec2.create_tags(Resources=[comes], Tags=TAGS)
        out, err = ran.communicate(timeout=60)
    ec2.create_tags(Resources=[leaves], Tags=TAGS)
    assert ran.returncode == 0, out + err
    assert serving(ground) == {one: runs if one == leaves else version for one in ground.ids}
    assert leaves in err
    assert sent(ground, version, "deploy")[-1][-1] == comes
    assert heal(bootstrap.app(ground.root), env="dev").state == "healthy"
    assert set(serving(ground).values()) == {version}


def test_a_host_that_is_terminated_while_it_acts_is_not_waited_for(ground: Ground) -> None:
    """Its command never ends: it is known to be gone because no running instance has its id."""
    version, gone = publish(ground, "0.1.5"), ground.ids[30]
    ground.behave(quickest=0.01, slowest=0.05, stuck=[gone])
    quickly = "import tagship.adapters.targets.ec2.collecting as collecting; collecting.LOOK = 1"
    with _deploying(ground, version, quickly) as ran:
        until(lambda: any(gone in one for one in sent(ground, version, "deploy")))
        client(_running(ground), "ec2").terminate_instances(InstanceIds=[gone])
        out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, out + err
    assert gone in err
    assert {runs for one, runs in serving(ground).items() if one != gone} == {version}


def test_a_deployer_that_is_killed_between_batches_leaves_a_fleet_that_the_next_run_finishes(ground: Ground) -> None:
    version = publish(ground, "0.1.6")
    ground.pace(0.3, 0.4)
    with _deploying(ground, version) as ran:
        until(lambda: len(sent(ground, version, "deploy")) >= 3)
        ran.send_signal(signal.SIGKILL)
        ran.wait()
    app = bootstrap.app(ground.root)
    [left] = status(app, env="dev")
    assert version in left.unfinished
    [held] = lock(app, env="dev")
    unlock(app, id=held.deployment, env="dev")
    ground.pace(0.01, 0.05)
    before = {one for one, runs in serving(ground).items() if runs == version}
    assert 0 < len(before) < HOSTS
    result = deploy(bootstrap.app(ground.root), artifact=version)
    assert result.state == "healthy"
    assert {one.unit for one in result.reports if one.outcome == "unchanged"} >= before & {
        r.unit for r in result.reports
    }
    assert all(host["orders"].count(f"deploy {version}") <= 1 for host in ground.serving().values())


# -- what the tests do -------------------------------------------------------------------------------------------------


def _running(ground: Ground) -> state.Running:
    running = state.locate(ground.root)
    assert running
    return running


def _deploying(ground: Ground, version: str, before: str = "pass") -> subprocess.Popen[str]:
    program = (
        f"{before}\nfrom tagship.tasks.program import run\nrun({json.dumps(f'tagship deploy --artifact {version}')})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ground.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
