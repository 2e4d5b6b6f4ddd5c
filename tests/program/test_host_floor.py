"""The version floor of a host: an order to deploy takes nothing back; a person's order to go back does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.bundles import Bundle, make
from tests.sandbox.machine import Machine, machine

EARLY, LATE = "2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("floor")) as one:
        yield one


def put(host: Machine, artifact: str, built: str = EARLY) -> Bundle:
    bundle = make(artifact, build_time=built)
    bundle.put(host.bucket)
    return bundle


@pytest.fixture(autouse=True)
def from_the_same_floor(host: Machine) -> None:
    """Serve 0.1.9-dev and have it as the floor, whatever the test before this one left."""
    assert host.rollback(put(host, "0.1.9-dev")).outcome in {"healthy", "unchanged"}
    assert floor(host) == "0.1.9-dev"


def floor(host: Machine) -> str:
    return (host.base / "floor").read_text().split()[0]


def test_a_signed_old_version_is_not_deployed_over_a_newer_one(host: Machine) -> None:
    old, new = put(host, "0.1.9-dev"), put(host, "0.1.10-dev")
    assert host.deploy(new).outcome == "healthy"
    answer = host.deploy(old)
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.10-dev")
    assert answer.reason == (
        "0.1.9-dev is older than 0.1.10-dev, which ran here; to go back: inv rollback --to 0.1.9-dev --env dev"
    )
    assert host.answers() == "0.1.10-dev"


def test_a_persons_order_goes_back_and_the_floor_with_it(host: Machine) -> None:
    old = put(host, "0.1.9-dev")
    assert host.deploy(put(host, "0.1.10-dev")).outcome == "healthy"
    assert host.rollback(old).outcome == "healthy"
    assert floor(host) == "0.1.9-dev"
    assert host.deploy(old).outcome == "unchanged"
    assert host.deploy(put(host, "0.1.8-dev")).outcome == "refused"
    assert host.deploy(put(host, "0.1.11-dev")).outcome == "healthy"


def test_what_fails_moves_no_floor(host: Machine) -> None:
    before = floor(host)
    bad = make("0.2.0-dev", {"healthy": False})
    bad.put(host.bucket)
    assert host.deploy(bad).outcome == "failed"
    assert floor(host) == before
    assert host.deploy(put(host, "0.1.12-dev")).outcome == "healthy"


def test_untagged_builds_go_by_when_they_were_built(host: Machine) -> None:
    early, late = put(host, "622d2103-20261120-120000"), put(host, "622d2103-20261121-120000", LATE)
    assert host.deploy(late).outcome == "healthy"
    assert host.deploy(early).outcome == "refused"
    assert host.deploy(put(host, "0.1.13-dev", EARLY)).outcome == "refused", "a version of before that build"
    assert host.deploy(put(host, "0.1.13-dev", "2026-11-22T12:00:00Z")).outcome == "healthy"


def test_a_host_whose_floor_says_nothing_takes_any(host: Machine) -> None:
    for text in ("", "\n", "0.1.99-dev\n"):
        (host.base / "floor").write_text(text)
        wanted = "refused" if text.strip() else "healthy"
        assert host.deploy(put(host, "0.1.14-dev")).outcome in {wanted, "unchanged"}
