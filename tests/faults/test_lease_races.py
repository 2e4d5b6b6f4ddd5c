"""The races of the reference document (deployment-concurrency.md), as commands that are typed at real hosts, scaled."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tagship.domain.standing import marked_bad
from tagship.domain.text import moment
from tagship.engine.holder import Holder
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.lock import lock
from tests.sandbox import shop
from tests.sandbox.conftest import git, post, start, until
from tests.sandbox.shop import Shop

pytestmark = pytest.mark.xdist_group("races")  # one sandbox for all of them

TAGSHIP = str(Path(sys.executable).with_name("tagship"))
ENVIRONMENT = """
[environments.{name}]
branch = "main"
lease_ttl = 10
health = {{ attempts = 60, cap = 2, timeout = 1 }}
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "examples/hello/app.py"]
ec2.drain = 0
ec2.timeout = 300
"""
NAMES = ("two", "twice", "dev", "prod", "prodauto", "rapid", "incident", "cancelled", "frozen")
CI = {"GITHUB_RUN_ID": "4711", "GITHUB_ACTOR": "octocat", "GITHUB_SERVER_URL": "https://github.com"}
CI |= {"GITHUB_REPOSITORY": "acme/hello"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    root = shop.make(tmp_path_factory.mktemp("races"), [])
    text = shop.HEAD + "".join(ENVIRONMENT.format(name=name) for name in NAMES)
    text = text.replace("[environments.prodauto]", '[environments.prodauto]\nlease_group = "prod"')
    text = text.replace("[environments.frozen]", '[environments.frozen]\nchange_calendar = "office-hours"')
    (root / "tagship.toml").write_text(text, "utf-8")
    git(root, "commit", "--quiet", "--all", "-m", "Say where it goes")
    yield root, start(root)
    lifecycle.down(root)


@pytest.fixture
def at(running: tuple[Path, Running]) -> Callable[[str], Shop]:
    return lambda environment: Shop(*running, environment)


@dataclass
class Ended:
    code: int
    out: str
    err: str


def typed(here: Shop, *words: str, **variables: str) -> subprocess.Popen[str]:
    """A command of somebody's, which goes on by itself."""
    return subprocess.Popen(
        [TAGSHIP, *words],
        cwd=here.root,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=240)
    return Ended(process.returncode, out, err)


def held(here: Shop, process: subprocess.Popen[str], phase: str = "hosts act|waiting for|answered") -> Holder:
    """The lease, once that command has it, and hosts act for it."""

    def look() -> Holder | None:
        assert process.poll() is None, process.communicate()
        [found] = lock(here.app(), env=here.environment)
        return found if found.state == "held" and re.search(phase, found.phase) else None

    found: Holder = until(look, 60)
    return found


def gated(here: Shop, version: str) -> Path:
    """That version does not start on the environment's host until the file returned is there, however slow the machine
    of the test is."""
    root = here.hosts[0].root
    program, gate = root / "bin" / "python3", root / "gate"
    program.unlink(missing_ok=True)
    waits = f'while [ "$VERSION" = {version} ] && [ ! -e {gate} ]; do sleep 0.1; done'
    program.write_text(f'#!/bin/sh\n{waits}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return gate


def test_two_dev_deployments_seconds_apart(at: Callable[[str], Shop]) -> None:
    """Scenario 1: the second queues, says behind whom, and deploys when the first has ended."""
    here = at("two")
    old, first, second = here.publish("0.1.0"), here.publish("0.1.1"), here.publish("0.1.2")
    gate = gated(here, first)
    assert ended(typed(here, "deploy", "--artifact", old)).code == 0
    one = typed(here, "deploy", "--artifact", first, USER="ada")
    who = held(here, one)
    two = typed(here, "deploy", "--artifact", second, "--wait", "2m", USER="grace")
    three = ended(typed(here, "deploy", "--artifact", second))
    assert three.code == 4, "without --wait it is refused at once"
    assert f"{who.holder} has held two since {moment(who.since)} UTC" in three.err
    assert "--wait 10m" in three.err
    assert two.stdout
    lines = iter(two.stdout.readline, "")
    waits = next(line for line in lines if line.startswith("waiting"))  # after the plan
    for_whom = next(lines)
    gate.touch()
    first_ended, second_ended = ended(one), ended(two)
    assert (first_ended.code, second_ended.code) == (0, 0), first_ended.err + second_ended.err
    assert waits == "waiting up to 2 min for two\n"
    assert f"{who.holder} has held two since {moment(who.since)} UTC: deploy {first}" in for_whom
    assert f"deploy {second} on two, in place of {first}" in second_ended.out, "it is planned again"
    assert here.serving() == [second]


def test_dependabot_and_a_person_to_production(at: Callable[[str], Shop]) -> None:
    """Scenario 3: two environments, one group. Another group (dev) does not wait for it."""
    auto, prod, dev = at("prodauto"), at("prod"), at("dev")
    bots, hers = auto.publish("0.1.0"), prod.publish("0.1.1")
    gate = gated(auto, bots)
    devs = dev.publish("0.1.0")
    bot = typed(auto, "deploy", "--artifact", bots, **CI)
    held(auto, bot)
    waits = typed(prod, "deploy", "--artifact", hers, "--wait", "2m")
    refused = ended(typed(prod, "deploy", "--artifact", hers))
    assert refused.code == 4
    assert "run 4711 (octocat) has held prodauto (and with it prod, of the same lease group)" in refused.err
    assert ended(typed(dev, "deploy", "--artifact", devs)).code == 0
    assert bot.poll() is None, "dev was deployed while the bot held the production group"
    gate.touch()
    assert ended(bot).code == 0
    assert ended(waits).code == 0
    fences = [prod.app().ledger.deployments(one)[-1].first.fence for one in ("prodauto", "prod")]
    assert fences == [1, 2], "one row of fencing numbers for the group"
    assert not [one for one in prod.app().store.list("hello/_lease/") if "prodauto" in one.key]


def test_ten_at_once(at: Callable[[str], Shop], figure: Callable[[str], None]) -> None:
    """Rapid fire: all ten end; each serves in its turn, or is refused because a newer one serves by then."""
    here = at("rapid")
    versions = [here.publish(f"0.1.{number}") for number in range(10)]
    began = time.monotonic()
    ran = [ended(one) for one in [typed(here, "deploy", "--artifact", one, "--wait", "4m") for one in versions]]
    seconds = time.monotonic() - began
    assert {one.code for one in ran} <= {0, 3}, [one.err for one in ran]
    assert all("is older than" in one.err for one in ran if one.code == 3)
    assert here.serving() == [versions[-1]]
    history = here.app().ledger.deployments("rapid")
    fences = [one.first.fence for one in history]
    assert fences == sorted(set(fences)), "the ledger is in the order that the lease was held in"
    shipped = [one.artifact_id for one in history if one.state == "healthy"]
    assert shipped == sorted(shipped, key=versions.index), "never backwards"
    assert ran[versions.index(shipped[-1])].code == 0
    [found] = lock(here.app(), env="rapid")
    assert found.state == "free"
    refused = sum(one.code == 3 for one in ran)
    figure(f"ten deploys at once: {10 - refused} served in turn, {refused} refused as older, in {seconds:.0f} s")


def test_a_rollback_from_a_laptop_during_a_ci_deployment(at: Callable[[str], Shop]) -> None:
    here = at("incident")
    old, new = here.publish("0.1.0"), here.publish("0.1.1")
    assert ended(typed(here, "deploy", "--artifact", old)).code == 0
    gated(here, new)
    ci = typed(here, "deploy", "--artifact", new, **CI)
    theirs = held(here, ci)
    refused = ended(typed(here, "rollback", "--to", old, USER="ada"))
    assert refused.code == 4
    assert f"run 4711 (octocat) has held incident since {moment(theirs.since)} UTC" in refused.err
    assert "https://github.com/acme/hello/actions/runs/4711" in refused.err
    won = ended(typed(here, "rollback", "--to", old, "--preempt", USER="ada"))
    assert won.code == 0, won.err
    assert f"fenced off run 4711 (octocat), deployment {theirs.deployment}" in won.err
    lost = ended(ci)
    assert lost.code == 4, lost.out + lost.err
    assert "This deployment lost the lease of incident" in lost.err
    assert here.serving() == [old]
    states = {one.id: one.state for one in here.app().ledger.deployments("incident")}
    assert states[theirs.deployment] == "abandoned"
    assert list(states.values()) == ["healthy", "abandoned", "healthy"]
    [fenced] = [one for one in here.app().ledger.deployments("incident") if one.id == theirs.deployment]
    mine = here.app().ledger.deployments("incident")[-1].id
    assert fenced.last.reason in (  # the loser's word and the winner's: whoever writes first
        f"taken over by {won_by(here)} (deployment {mine}) with --preempt",
        f"This deployment lost the lease of incident: {won_by(here)} holds it now (deployment {mine}).",
    )
    assert "SSM command" in fenced.last.details["evidence"]
    fence = int((here.hosts[0].root / "opt/hello/fence").read_text())
    assert fence == theirs.fence + 1, "the host knows the higher number: the loser's next order would be refused"


def won_by(here: Shop) -> str:
    return here.app().ledger.deployments(here.environment)[-1].first.who


def test_two_people_who_go_back_at_once_without_a_name_go_back_once(at: Callable[[str], Shop]) -> None:
    here = at("twice")
    oldest, good, bad = (here.publish(f"0.1.{number}") for number in range(3))
    for version in (oldest, good, bad):
        assert ended(typed(here, "deploy", "--version", version)).code == 0
    both = [typed(here, "rollback", "--env", "twice", "--yes", "--wait", "2m", USER=who) for who in ("ada", "grace")]
    ran = [ended(process) for process in both]
    assert [each.code for each in ran] == [0, 0], ran
    assert all(f"rollback {good} on twice, in place of {bad}" in each.out for each in ran)
    assert here.serving() == [good]
    assert marked_bad(here.app().ledger.deployments("twice")) == {bad}
    assert sum("now (rollback by " in each.out for each in ran) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_cancelled_ci_job_leaves_a_lease_that_frees_itself(at: Callable[[str], Shop], number: signal.Signals) -> None:
    """GitHub cancels with SIGINT and SIGTERM, then SIGKILL; a closed laptop with SIGHUP. What is in flight goes on; who
    waits gets its turn."""
    here, patch = at("cancelled"), {signal.SIGTERM: 1, signal.SIGHUP: 3, signal.SIGKILL: 5}[number]
    first, second = here.publish(f"0.1.{patch}", "slow", delay=2), here.publish(f"0.1.{patch + 1}")
    job = typed(here, "deploy", "--artifact", first, **CI)
    dead = held(here, job)
    job.send_signal(number)
    waits = typed(here, "deploy", "--artifact", second, "--wait", "2m")
    told = ended(job)
    if number != signal.SIGKILL:
        assert told.code == 130
        assert re.search(r"End it: (inv|/\S+/tagship) resume --env cancelled\n", told.err), told.err
    after = ended(waits)
    assert after.code == 0, after.out + after.err
    assert f"taken over from run 4711 (octocat), deployment {dead.deployment}" in after.err
    assert "can't ask here whether https://github.com/acme/hello/actions/runs/4711 has ended" in after.err
    assert here.serving() == [second]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_that_waits_leaves_nothing(at: Callable[[str], Shop], number: signal.Signals) -> None:
    here = at("cancelled")
    version = here.publish({signal.SIGTERM: "0.1.9", signal.SIGHUP: "0.1.10"}[number])
    app = here.app()
    record = app.leases.take("cancelled", holder="ada@laptop", run_url="", ttl=60)
    job = typed(here, "deploy", "--artifact", version, "--wait", "2m", **CI)
    assert job.stdout
    while "waiting up to" not in job.stdout.readline():
        pass
    job.send_signal(number)
    told = ended(job)
    assert told.code == 130, told.err
    assert "Nothing was changed." in told.err
    app.leases.release(record)
    [found] = lock(app, env="cancelled")
    assert (found.state, found.fence) == ("free", record.fence)


def test_a_freeze_and_a_change_calendar_as_they_are_typed(at: Callable[[str], Shop]) -> None:
    here = at("frozen")
    old, new = here.publish("0.1.0"), here.publish("0.1.1")
    unasked = ended(typed(here, "deploy", "--artifact", old))
    assert (unasked.code, "cannot be asked" in unasked.err) == (3, True), unasked.err
    post(here.running, "faults", {"calendars": {"office-hours": "CLOSED"}})
    closed = ended(typed(here, "deploy", "--artifact", old))
    assert (closed.code, "The change calendar office-hours is closed" in closed.err) == (4, True), closed.err
    post(here.running, "faults", {"calendars": {"office-hours": "OPEN"}})
    for version in (old, new):
        assert ended(typed(here, "deploy", "--artifact", version)).code == 0
    frozen = ended(typed(here, "freeze", "--env", "frozen", "--until", "8h", "--reason", "the sale"))
    assert frozen.code == 0, frozen.err
    stopped = ended(typed(here, "deploy", "--artifact", new))
    assert (stopped.code, ": the sale" in stopped.err) == (4, True), stopped.err
    assert ended(typed(here, "rollback", "--to", old)).code == 0
    assert here.serving() == [old]
    assert "is frozen until" in ended(typed(here, "lock", "--env", "frozen")).out
    assert "is frozen until" in ended(typed(here, "status", "--env", "frozen")).out
    assert ended(typed(here, "thaw", "--env", "frozen")).code == 0
    assert "is not frozen" in ended(typed(here, "thaw", "--env", "frozen")).out
