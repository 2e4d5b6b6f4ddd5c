"""Operational numbers on a host: those that come with an action win, and nothing else is set by them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.domain.ec2 import document, numbers
from tests.sandbox.bundles import Bundle, contents, make, settings
from tests.sandbox.machine import ENTRY, Machine, machine

CONF = "deploy/environments/dev.conf"
QUICK = "HEALTH_ATTEMPTS=2,HEALTH_ATTEMPTS_AFTER_ROLLBACK=2,HEALTH_CAP=1,HEALTH_TIMEOUT=1"
HOSTILE = [
    " ", "KEEP", "KEEP=", "KEEP=x", "KEEP=-1", "KEEP=1,", ",KEEP=1", "KEEP=1 DRAIN=1", "KEEP=1;touch pwned",
    "KEEP=$(touch pwned)", "KEEP=`touch pwned`", "KEEP=a[$(touch pwned)]", "KEEP='1'", 'KEEP="1"',
    "KEEP=1\nDRAIN=1", "keep=1", "none,KEEP=1", "KEEP=1234567", "*", "../../x", "-rf", "\x1b[2J", "ü", "none\n",
]  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def put(host: Machine, artifact: str, *, healthy: bool = True, conf: str = "") -> Bundle:
    """An artifact in the bucket; `conf` is added to its conf, as a bundle of an older tagship has it."""
    hello = {"healthy": healthy}
    using = settings()
    old = contents(artifact, {}, using, {})[CONF] + conf.encode()
    bundle = make(artifact, hello, using=using, more={CONF: old} if conf else None)
    bundle.put(host.bucket)
    return bundle


def test_no_bundle_holds_any(host: Machine) -> None:
    bundle = put(host, "0.1.0-dev")
    assert host.deploy(bundle).outcome == "healthy"
    conf = (host.base / "releases/0.1.0-dev" / CONF).read_text()
    assert not [line for line in conf.splitlines() if line.partition("=")[0] in numbers.NAMES]


def test_a_deployment_tries_as_often_as_the_action_says(host: Machine) -> None:
    answer = host.deploy(put(host, "0.1.0-dev", healthy=False), numbers=QUICK.replace("ATTEMPTS=2", "ATTEMPTS=3"))
    assert (answer.outcome, answer.health["attempts"]) == ("failed", 3)


def test_a_rollback_uses_todays_numbers_and_not_those_of_the_day_of_the_bundle(host: Machine) -> None:
    passes = "HEALTH_PASSES=4,HEALTH_ATTEMPTS=9,HEALTH_ATTEMPTS_AFTER_ROLLBACK=9"
    first, second = put(host, "0.1.0-dev"), put(host, "0.1.1-dev")
    assert host.deploy(first, numbers="HEALTH_PASSES=1").health["attempts"] == 1
    assert host.deploy(second, numbers="HEALTH_PASSES=2").health["attempts"] == 2
    assert host.rollback(first, numbers=passes).health["attempts"] == 4


def test_the_conf_of_an_older_bundle_counts_where_no_numbers_come(host: Machine) -> None:
    older = put(host, "0.1.0-dev", conf="HEALTH_PASSES=3\nHEALTH_ATTEMPTS=5\nKEEP=2\n")
    assert host.deploy(older, numbers="").health["attempts"] == 3


def test_numbers_that_come_win_over_the_conf_of_an_older_bundle(host: Machine) -> None:
    older = put(host, "0.1.0-dev", conf="HEALTH_PASSES=3\nHEALTH_ATTEMPTS=5\n")
    assert host.deploy(older, numbers="HEALTH_PASSES=1").health["attempts"] == 1


def test_a_bundle_without_any_is_judged_by_the_host_programs_own(host: Machine) -> None:
    assert host.deploy(put(host, "0.1.0-dev"), numbers="").health["attempts"] == 2


def test_the_hosts_own_conf_has_the_last_word(host: Machine) -> None:
    conf = host.root / "etc/tagship/hello/host.conf"
    conf.write_text(conf.read_text() + "HEALTH_PASSES=3\n")
    assert host.deploy(put(host, "0.1.0-dev"), numbers="HEALTH_PASSES=1").health["attempts"] == 3


def test_prune_keeps_as_many_as_the_action_says(host: Machine) -> None:
    for number in range(4):
        assert host.deploy(put(host, f"0.1.{number}-dev"), numbers="KEEP=9,DRAIN=0").outcome == "healthy"
    host.numbers = "KEEP=2"
    assert host.prune().verdict["kept"] == ["0.1.2-dev", "0.1.3-dev"]


def run(host: Machine, text: str) -> tuple[int, str]:
    """A deployment by the fallback's lines, which have no patterns: any text can come."""
    order = replace(host.order("deploy", put(host, "0.1.0-dev")), numbers=text)
    lines = "\n".join(document.fallback_commands(order, ENTRY))
    how = {"env": host.environment({}), "cwd": host.root}
    done = subprocess.run(["sh", "-s"], input=lines, capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]
    assert done.stderr == ""
    assert not list(host.root.rglob("pwned"))
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", HOSTILE)
def test_stage_1_refuses_what_is_no_list_of_numbers(host: Machine, text: str) -> None:
    code, said = run(host, text)
    assert code == 5
    assert '"reason":"the numbers are no numbers"' in said
    assert not host.base.exists()


NOT_OURS = ["PATH=1", "LD_PRELOAD=1", "PORT=1", "BASE=1", "FENCE=1", "HEALTH_TIMEOUT=0", "KEEP=08"]


@pytest.mark.parametrize("text", NOT_OURS)
def test_what_is_no_number_of_ours_is_not_set(host: Machine, text: str) -> None:
    code, said = run(host, f"{text},{QUICK}")
    assert code == 0, said
    assert host.answers() == "0.1.0-dev"
