"""Deploy and roll back through SSM to two hosts that really run the app: what is said is what answers over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.domain.change import Change
from tagship.domain.text import moment
from tagship.errors import ArtifactError, DeployFailed, Held, Refused
from tagship.ports.people import Screen
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.lock import lock
from tagship.verbs.notify import notify
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.sandbox import shop
from tests.sandbox.conftest import post, start, until
from tests.sandbox.shop import Shop
from tests.spelled import by_inv

NAMES = [f"e{number}" for number in range(1, 25)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    root = shop.make(tmp_path_factory.mktemp("shop"), NAMES)
    yield root, start(root, hosts=2)
    lifecycle.down(root)


_free = iter(NAMES)


@pytest.fixture
def here(running: tuple[Path, Running]) -> Shop:
    """An environment that no other test has touched."""
    return Shop(*running, next(_free))


@pytest.fixture
def shipped(here: Shop) -> Shop:
    """0.1.0 and then 0.1.1 are deployed."""
    for number in ("0.1.0", "0.1.1"):
        deploy(here.app(), artifact=here.publish(number))
    return here


def test_deploys_serve_and_a_rollback_serves_again(shipped: Shop) -> None:
    assert shipped.serving() == [shipped.version("0.1.1")] * 2
    result = rollback(shipped.app(), to=shipped.version("0.1.0"))
    assert shipped.serving() == [shipped.version("0.1.0")] * 2
    assert [one.durations["fetch"] for one in result.reports] == [0, 0]
    assert verify(shipped.app(), artifact=shipped.version("0.1.0")).environment == shipped.environment


@pytest.mark.parametrize("fault", ["crash", "error", "impostor"])
def test_a_broken_version_leaves_the_previous_one_serving(here: Shop, fault: str) -> None:
    good, bad = here.publish("0.1.0"), here.publish("0.1.1", fault)
    deploy(here.app(), artifact=good)
    with pytest.raises(DeployFailed) as caught:
        deploy(here.app(), artifact=bad)
    assert caught.value.state == f"{good} is serving."
    assert here.serving() == [good] * 2
    [found] = here.app().ledger.deployments(here.environment, 1)
    assert found.state == "rolled-back"
    assert found.entries[-2].details["units"][0]["outcome"] == "failed"


def test_what_a_host_saw_of_a_broken_version_reaches_the_error_the_ledger_and_cis_summary(
    here: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    deploy(here.app(), artifact=here.publish("0.1.0"))
    bad = here.publish("0.1.1", "error")
    with pytest.raises(DeployFailed) as caught:
        deploy(here.app(), artifact=bad)
    notify(here.app(), artifact=bad, env=here.environment)
    [found] = here.app().ledger.deployments(here.environment, 1)
    [kept] = [entry.details["evidence"] for entry in found.entries if entry.details.get("evidence")]
    seen = ('its last answer: 500 {"status": "error"', "the process: it runs", f"hello {bad} listens on port")
    for place in (caught.value.evidence, kept, page.read_text()):
        assert [part for part in seen if place.count(part) != 2] == [], place  # of each of the two hosts


def test_a_first_version_that_is_broken_leaves_nothing_serving(here: Shop) -> None:
    with pytest.raises(DeployFailed) as caught:
        deploy(here.app(), artifact=here.publish("0.1.0", "error"))
    assert caught.value.state == "Nothing was serving before, and nothing is now."
    assert here.serving() == ["", ""]


def test_one_host_that_cannot_start_it_puts_the_other_one_back(shipped: Shop) -> None:
    new = shipped.publish("0.1.2")
    _break_starting(shipped.hosts[1].root)
    with pytest.raises(DeployFailed) as caught:
        deploy(shipped.app(), artifact=new)
    assert caught.value.state == f"{shipped.version('0.1.1')} is serving."
    assert shipped.serving() == [shipped.version("0.1.1")] * 2


def _break_starting(root: Path) -> None:
    """That host's Python starts nothing any more; what runs goes on."""
    python = root / "bin" / "python3"
    python.unlink(missing_ok=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)


def test_a_bundle_altered_in_the_bucket_is_refused_and_changes_nothing(shipped: Shop) -> None:
    new = shipped.publish("0.1.2")
    app = shipped.app()
    prefix = f"hello/{shipped.environment}/{new}/"
    there = app.store.get(prefix + "manifest.json")
    assert there
    altered = there.body.replace(b'"branch": "', b'"branch": "x')
    app.store.replace(prefix + "manifest.json", altered, there.etag)
    with pytest.raises(ArtifactError):
        deploy(app, artifact=new)
    assert shipped.serving() == [shipped.version("0.1.1")] * 2


def test_an_offline_host_is_refused_before_anything_is_sent(shipped: Shop) -> None:
    new, away = shipped.publish("0.1.2"), shipped.hosts[0].id
    post(shipped.running, f"hosts/{away}/offline")
    with pytest.raises(Refused) as caught:
        deploy(shipped.app(), artifact=new)
    post(shipped.running, f"hosts/{away}/online")
    assert away in caught.value.what
    assert shipped.serving() == [shipped.version("0.1.1")] * 2


def test_hosts_that_nobody_tagged_are_refused_with_what_was_looked_for(here: Shop) -> None:
    version = here.publish("0.1.0")
    app = here.app()
    ec2 = app.aws.client("ec2")
    ids = [one.id for one in here.hosts]
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "tagship:environment"}])
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=version)
    assert f"tagship:environment = {here.environment}" in caught.value.what


def test_a_host_that_heard_of_a_higher_fence_holds(shipped: Shop) -> None:
    for host in shipped.hosts:
        (host.root / "opt/hello/fence").write_text("99\n")
    with pytest.raises(Held):
        rollback(shipped.app(), to=shipped.version("0.1.0"))
    assert shipped.serving() == [shipped.version("0.1.1")] * 2


def test_a_version_that_runs_is_refused_by_the_hosts_own_word(shipped: Shop) -> None:
    with pytest.raises(Refused) as caught:
        rollback(shipped.app(), to=shipped.version("0.1.1"))
    assert "already running" in caught.value.what


def test_status_shows_what_somebody_changed_behind_the_ledgers_back(shipped: Shop) -> None:
    [found] = status(shipped.app(), env=shipped.environment)
    assert not found.drifted
    _behind_the_back(shipped)
    [found] = status(shipped.app(), env=shipped.environment)
    assert [host.runs for host in found.units] == [shipped.version("0.1.0"), shipped.version("0.1.1")]
    assert found.units[0].drift == f"the ledger says {shipped.version('0.1.1')}"


def _behind_the_back(here: Shop) -> None:
    """A change of the first host alone, which no ledger hears of."""
    from tagship.engine.plan import manifest_sha256

    app, version = here.app(), here.version("0.1.0")
    digest = manifest_sha256(app, here.environment, version)
    target = app.target(here.environment)
    first = [host for host in target.units() if host.id == here.hosts[0].id]
    deployment = "20261120-155301-123456-9f3a1c"
    change = Change("rollback", app.settings.app, here.environment, version, digest, deployment, fence=50)
    [report] = target.finish(target.start(change, first), change, first, lambda _: None)
    assert report.good, report


def test_without_the_document_the_shell_one_serves_and_says_so(here: Shop) -> None:
    version = here.publish("0.1.0")
    app = here.app()
    settings = app.settings.model_dump()
    settings["environments"][here.environment]["ec2"]["document"] = "tagship-absent"
    app = type(app)(type(app.settings).model_validate_json(json.dumps(settings)), app.root)
    said = Warned(app.screen)
    app.__dict__["screen"] = said
    assert deploy(app, artifact=version).state == "healthy"
    assert here.serving() == [version] * 2
    assert any("tagship-absent is not installed" in one for one in said.warnings)


class Warned:
    """A screen that remembers its warnings."""

    def __init__(self, inner: Screen) -> None:
        self._inner = inner
        self.warnings: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


# -- as commands -------------------------------------------------------------------------------------------------------


def command(here: Shop, *words: str, folder: Path | None = None, **variables: str) -> subprocess.Popen[str]:
    """`tagship …` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from tagship.tasks.program import run; run()", *words],
        cwd=folder or here.root,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def acting(here: Shop) -> None:
    """Wait until the hosts act. One app looks all the while: another for each look takes longer than they act."""
    app = here.app()
    until(lambda: "hosts act" in lock(app, env=here.environment)[0].phase, 60)


def test_rollback_needs_neither_git_nor_a_repository_nor_ci(shipped: Shop, tmp_path: Path) -> None:
    bare = shipped.root / ".tagship" / "sandbox" / "incident"
    bare.mkdir()
    shutil.copy(shipped.root / "tagship.toml", bare)
    (tmp_path / "bin").mkdir()
    assert not shutil.which("git", path=str(tmp_path / "bin"))
    ran = command(
        shipped,
        "rollback",
        "--to",
        shipped.version("0.1.0"),
        folder=bare,
        PATH=str(tmp_path / "bin"),
        GIT_DIR="/nonexistent",
        PYTHONPATH=str(shop.HERE),
    )
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, out + err
    assert f"{shipped.version('0.1.0')} is healthy on {shipped.environment}" in out
    assert shipped.serving() == [shipped.version("0.1.0")] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_it_says_that_the_hosts_go_on_and_they_do(here: Shop, number: int) -> None:
    deploy(here.app(), artifact=here.publish("0.1.0"))
    slow = here.publish("0.1.1", "slow", delay=2)
    ran = command(here, "deploy", "--artifact", slow, PYTHONPATH=str(shop.HERE))
    acting(here)
    ran.send_signal(number)
    out, err = ran.communicate(timeout=30)
    assert ran.returncode == 130, out + err
    assert "goes on (SSM command" in err
    assert f"End it: inv resume --env {here.environment}\n" in by_inv(err)
    [found] = lock(here.app(), env=here.environment)
    assert found.state == "expired"
    taken = command(here, "deploy", "--resume", "--env", here.environment, PYTHONPATH=str(shop.HERE))
    out, err = taken.communicate(timeout=60)
    assert taken.returncode == 0, out + err
    assert here.serving() == [slow] * 2
    assert lock(here.app(), env=here.environment)[0].state == "free"


def test_a_second_deployment_is_refused_with_who_and_since_when_and_the_first_one_ends_well(here: Shop) -> None:
    slow = here.publish("0.1.0", "slow", delay=3)
    ran = command(here, "deploy", "--artifact", slow, PYTHONPATH=str(shop.HERE))
    acting(here)
    with pytest.raises(Held) as caught:
        rollback(here.app(), to=slow)
    [found] = lock(here.app(), env=here.environment)
    assert found.holder in caught.value.what
    assert f"since {moment(found.since)} UTC" in caught.value.what
    assert f"inv unlock --env {here.environment} --id {found.deployment}" in caught.value.remedy
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, out + err
    assert here.serving() == [slow] * 2
    assert lock(here.app(), env=here.environment)[0].state == "free"


def test_a_version_that_was_cleaned_up_is_refused_with_when_it_ran(shipped: Shop) -> None:
    gone, app = shipped.version("0.1.0"), shipped.app()
    for found in list(app.store.list(f"hello/{shipped.environment}/{gone}/")):
        app.store.delete(found.key, found.etag)
    ran = command(shipped, "rollback", "--to", gone, PYTHONPATH=str(shop.HERE))
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 5, out + err
    assert f"{gone} was deployed to {shipped.environment} on " in err
    assert "has been removed from the bucket since" in err
    assert shipped.serving() == [shipped.version("0.1.1")] * 2
