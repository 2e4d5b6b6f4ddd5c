"""zero_downtime = false on a real host: never two versions at once, the gap said, the old one back when it must be."""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.host.watching import Watch
from tests.sandbox.breaking import breaking
from tests.sandbox.bundles import Bundle

OLD, NEW = "0.1.0-dev", "0.1.1-dev"


@pytest.fixture(params=["docker", "process"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serving(host: Host, shop: Shop, runtime: str) -> Bundle:
    """What serves before."""
    bundle = ship(host, shop, runtime, OLD)
    answer = host.deploy(bundle)
    assert (answer.outcome, "gap" in answer.durations) == ("healthy", False), answer.output
    return bundle


def ship(host: Host, shop: Shop, runtime: str, version: str, fault: str = "") -> Bundle:
    make = shop.process if runtime == "process" else shop.docker
    return host.publish(make(version, {"healthy": not fault, "fault": fault}, zero_downtime=False))


def living(host: Host) -> list[str]:
    """The colours whose units run."""
    said = host.machine.check("systemctl list-units --plain --no-legend --state=active,activating 'hello@*'")
    return [line.split()[0] for line in said.splitlines()]


def test_the_old_version_stops_first_and_a_rollback_does_the_same(
    host: Host, shop: Shop, serving: Bundle, runtime: str
) -> None:
    second = ship(host, shop, runtime, NEW)
    with Watch(host) as watch:
        there, back = host.deploy(second), host.rollback(serving)
        until(lambda: watch.heard[-1] == OLD, 5, "it is seen to serve")
    assert (there.outcome, there.serving, there.previous) == ("healthy", NEW, OLD), there.output
    assert (back.outcome, back.serving, back.previous) == ("healthy", OLD, NEW), back.output
    assert [version for version, _ in groupby(watch.heard)] in ([OLD, "", NEW, "", OLD], ["", NEW, "", OLD]), (
        watch.heard
    )
    for answer in (there, back):
        assert 0 < answer.durations["gap"] <= answer.durations["total"]
        assert "Nothing answered for" in answer.output
    steps = host.journal()
    assert steps.index("stop") < len(steps) - steps[::-1].index("start")
    assert (living(host), host.status().serving) == (["hello@blue.service"], OLD)


@pytest.mark.parametrize("fault", ["crash", "error", "fades"])
def test_a_version_that_fails_gives_way_to_the_old_one(
    host: Host, shop: Shop, serving: Bundle, runtime: str, fault: str
) -> None:
    answer = host.deploy(ship(host, shop, runtime, NEW, fault))
    outcome = "rolled-back" if fault == "fades" else "failed"
    assert (answer.code, answer.outcome, answer.serving) == (6, outcome, OLD), answer.output
    assert answer.durations["gap"] > 0
    assert (host.answers(), living(host), host.status().serving) == (OLD, ["hello@blue.service"], OLD)
    third = host.deploy(ship(host, shop, runtime, "0.1.2-dev"))
    assert third.outcome == "healthy", third.output
    assert (host.answers(), living(host)) == ("0.1.2-dev", ["hello@green.service"])


def test_a_version_that_dies_soon_after_it_served_gives_way_to_the_old_one(
    host: Host, shop: Shop, serving: Bundle, runtime: str
) -> None:
    make = shop.process if runtime == "process" else shop.docker
    answer = host.deploy(host.publish(make(NEW, code=breaking("dies"), zero_downtime=False)))
    assert (answer.code, answer.outcome, answer.serving) == (6, "rolled-back", OLD), answer.output
    assert answer.reason.startswith("after the switch, "), answer.output
    assert (host.answers(), living(host), host.status().serving) == (OLD, ["hello@blue.service"], OLD)


@pytest.mark.parametrize("boot", [False, True])
def test_cut_off_in_the_gap_the_old_version_comes_back(
    host: Host, shop: Shop, serving: Bundle, runtime: str, boot: bool
) -> None:
    """By the next action; or by a boot, which starts what was committed, and then there is nothing to put right."""
    second = ship(host, shop, runtime, NEW)
    host.machine.run(host.script(host.order("deploy", second)), {"TAGSHIP_KILL_AFTER": "start"})
    assert host.answers() == ""
    if boot:
        host.machine.kill()
        host.machine.boot()
        until(lambda: host.answers() == OLD, 20, "the old version serves after a boot")
    answer = host.rollback(serving)
    assert answer.outcome == ("unchanged" if boot else "healthy"), answer.output
    assert (host.answers(), len(living(host))) == (OLD, 1)
    assert host.deploy(second).outcome == "healthy"
    assert (host.answers(), len(living(host))) == (NEW, 1)
