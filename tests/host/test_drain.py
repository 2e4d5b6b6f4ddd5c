"""HAProxy's drain: what is in flight is answered before its version is stopped, but not waited for without end.

The app of these tests ends at once when it is told to: what it has in hand is lost, unless it was drained before.
"""

from __future__ import annotations

import datetime
import json
from itertools import pairwise

import pytest

from tests.host.asking import Asked, asking
from tests.host.host import Host, Shop
from tests.host.test_stop_start import living
from tests.sandbox.breaking import breaking
from tests.sandbox.bundles import Bundle

GONE_AT_ONCE = "import signal\nsignal.signal = lambda *_: None"
COLOURS = ("blue", "green")
VERSIONS = ("0.1.0-dev", "0.1.1-dev", "0.1.2-dev")  # blue, green, blue


@pytest.fixture(params=["docker", "process"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ship(host: Host, shop: Shop, runtime: str, *, drain: int, zero_downtime: bool = True) -> list[Bundle]:
    """Three versions, the first of which serves."""
    make = shop.process if runtime == "process" else shop.docker
    bundles = [make(one, code=GONE_AT_ONCE, drain=drain, zero_downtime=zero_downtime) for one in VERSIONS]
    for bundle in bundles:
        host.publish(bundle)
    assert host.deploy(bundles[0]).outcome == "healthy"
    return bundles


def test_what_is_in_flight_is_answered_by_the_version_that_began_it(host: Host, shop: Shop, runtime: str) -> None:
    """Blue gives way to green, then green to blue."""
    for old, new in pairwise(ship(host, shop, runtime, drain=10)):
        with asking(host, "/sleep/2", pause=0.25) as asked:
            answer = host.deploy(new)
        assert answer.outcome == "healthy", answer.output
        assert {one.said for one in asked} == {old.artifact, new.artifact}
        switched = min(one.sent for one in asked if one.said == new.artifact)
        assert in_flight(asked, old.artifact, switched), asked


def test_what_takes_longer_than_the_drain_may_holds_no_deployment_up(host: Host, shop: Shop, runtime: str) -> None:
    for _, new in pairwise(ship(host, shop, runtime, drain=3)):
        with asking(host, "/sleep/30") as asked:
            answer = host.deploy(new)
        assert answer.outcome == "healthy", answer.output
        drained_for_its_limit(host, answer.seconds, asked)


@pytest.mark.parametrize("how", ["dies", "errs"])
def test_what_turns_bad_while_the_old_version_is_drained_gives_way_to_it(
    host: Host, shop: Shop, runtime: str, how: str
) -> None:
    """The old version goes on as the same process, and answers what it has in hand."""
    old = ship(host, shop, runtime, drain=15)[0]
    make = shop.process if runtime == "process" else shop.docker
    bad = host.publish(make("0.1.9-dev", code=breaking(how), drain=15))
    before = host.state()
    with asking(host, "/sleep/12") as asked:
        answer = host.deploy(bad)
    assert (answer.code, answer.outcome, answer.serving) == (6, "rolled-back", old.artifact), answer.output
    assert answer.reason in reasons(how, runtime), answer.output
    assert [one.said for one in asked] == [old.artifact]
    assert (host.state(), host.answers(), living(host)) == (before, old.artifact, ["hello@blue.service"])
    assert "hello 0.1.9-dev listens on port" in answer.evidence
    assert host.rollback(old).outcome == "unchanged"


def reasons(how: str, runtime: str) -> set[str]:
    """Docker may tell of a container's end later than the proxy does."""
    if how == "errs":
        return {"after the switch, through the proxy, it answered 500"}
    ended = "its container" if runtime == "docker" else "it"
    return {
        f"after the switch, {ended} exited with code 5",
        *(["after the switch, through the proxy, it answered 503"] if runtime == "docker" else []),
    }


@pytest.mark.parametrize("colour", COLOURS)
def test_where_the_old_version_stops_first_what_it_has_in_hand_is_answered(
    host: Host, shop: Shop, runtime: str, colour: str
) -> None:
    """Between the two versions the proxy says 503 at once: no request breaks off."""
    old, new = stop_start(host, shop, runtime, colour, drain=10)
    with asking(host, "/sleep/2", pause=0.25) as asked:
        answer = host.deploy(new)
    assert answer.outcome == "healthy", answer.output
    assert {one.said for one in asked} - {"503", new.artifact} == {old.artifact}
    gap = min(one.sent for one in asked if one.said == "503")
    assert in_flight(asked, old.artifact, gap), asked


@pytest.mark.parametrize("colour", COLOURS)
def test_where_the_old_version_stops_first_it_is_drained_for_no_longer_than_the_limit(
    host: Host, shop: Shop, runtime: str, colour: str
) -> None:
    _, new = stop_start(host, shop, runtime, colour, drain=3)
    with asking(host, "/sleep/30") as asked:
        answer = host.deploy(new)
    assert answer.outcome == "healthy", answer.output
    drained_for_its_limit(host, answer.seconds, asked)


def stop_start(host: Host, shop: Shop, runtime: str, colour: str, *, drain: int) -> list[Bundle]:
    """What serves as that colour, and what is to take its place once it has stopped."""
    bundles = ship(host, shop, runtime, drain=drain, zero_downtime=False)
    if colour == "blue":
        return bundles[:2]
    assert host.deploy(bundles[1]).outcome == "healthy"
    return bundles[1:]


def in_flight(asked: list[Asked], version: str, moment: float) -> list[Asked]:
    return [one for one in asked if one.said == version and one.sent < moment < one.over]


def drained_for_its_limit(host: Host, seconds: float, asked: list[Asked]) -> None:
    """Waited for three seconds, and then not for the thirty: the request broke off."""
    steps = [json.loads(line) for line in host.machine.check("cat /opt/hello/journal.jsonl").splitlines()]
    last = [step for step in steps if step["deployment"] == steps[-1]["deployment"]]
    at = {step["step"]: datetime.datetime.fromisoformat(step["at"]) for step in last}
    assert (at["stop"] - at["drain"]).total_seconds() >= 2  # of three, told in whole seconds
    assert seconds < 25
    assert [(one.said in VERSIONS, one.over - one.sent < 29) for one in asked] == [(False, True)]
