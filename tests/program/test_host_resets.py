"""Fencing numbers on a host: what leaps is refused, and a signed reset leads out, once and forward."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.domain.fence import GENERATION, LEAP
from tagship.domain.sealed import canonical
from tests.sandbox.bundles import make
from tests.sandbox.machine import Machine, machine
from tests.sandbox.records import EVIL, put_reset, reset, sealed

POISON = "999999999999999\n"
RESET_AT = reset(GENERATION)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("resets")) as host:
        good = make("0.1.0-dev")
        good.put(host.bucket)
        assert host.deploy(good, fence=7).outcome == "healthy"
        yield host


@pytest.fixture
def host(deployed: Machine) -> Machine:
    """A host of which the bucket has no reset; 0.1.0-dev serves and stays."""
    put_reset(deployed.bucket, b"")
    (deployed.base / "fence").write_text("7\n")
    return deployed


def ordered(host: Machine, fence: int) -> str:
    """The outcome of an order that changes nothing but the number: to deploy what serves already."""
    return str(host.deploy(make("0.1.0-dev"), fence=fence).outcome)


def numbers(host: Machine) -> list[str]:
    return (host.base / "fence").read_text().split()


def test_a_number_that_leaps_is_refused_and_not_kept(host: Machine) -> None:
    for fence in (8 + LEAP, GENERATION - 1):
        answer = host.deploy(make("0.1.0-dev"), fence=fence)
        assert (answer.code, answer.outcome) == (5, "refused")
        assert f"fencing number {fence} is implausible: the highest here is 7" in answer.reason
        assert numbers(host) == ["7"]
    assert ordered(host, 7 + LEAP) == "unchanged"


def test_a_host_without_a_number_takes_no_leap_either(host: Machine) -> None:
    (host.base / "fence").unlink()
    assert ordered(host, LEAP + 1) == "refused"
    assert ordered(host, LEAP) == "unchanged"


@pytest.mark.parametrize("stored", ["7\n", "", POISON, "999999999\n"], ids=["low", "new", "poisoned", "high"])
def test_a_signed_reset_leads_out_whatever_the_host_has_heard(host: Machine, stored: str) -> None:
    (host.base / "fence").write_text(stored)
    put_reset(host.bucket, sealed(RESET_AT))
    assert ordered(host, GENERATION + 1) == "unchanged"
    assert numbers(host) == [str(GENERATION + 1), "1"]
    assert ordered(host, GENERATION + 2) == "unchanged"
    assert numbers(host) == [str(GENERATION + 2), "1"], "the number rises in place, and the generation stays"
    assert ordered(host, GENERATION + 1) == "held"
    assert ordered(host, 8) == "held", "the old runner"
    assert ordered(host, 999_999_999_999_999) == "refused", "the old runner, that had the forged number"


def test_a_poisoned_host_obeys_nobody_by_its_number_and_says_the_way_out(host: Machine) -> None:
    (host.base / "fence").write_text(POISON)
    assert ordered(host, 999_999_999_999_999) == "refused"
    answer = host.deploy(make("0.1.0-dev"), fence=8)
    assert answer.outcome == "held"
    assert "(if nobody did: inv unlock --env dev --reset-fence)" in answer.reason


def test_a_second_reset_and_no_way_back_to_the_first(host: Machine) -> None:
    put_reset(host.bucket, sealed(reset(2 * GENERATION)))
    assert ordered(host, 2 * GENERATION + 5) == "unchanged"
    put_reset(host.bucket, sealed(RESET_AT))
    assert ordered(host, GENERATION + 9) == "held"
    (host.base / "fence").write_text(f"{3 * GENERATION + 4}\n2\n")  # somebody wrote it there
    assert ordered(host, GENERATION + 9) == "held"
    assert numbers(host)[0] == str(3 * GENERATION + 4)


FORGED = {
    "unsigned": canonical(RESET_AT),
    "by another key": sealed(RESET_AT, EVIL),
    "of another environment": sealed({**RESET_AT, "environment": "prod"}),
    "of another app": sealed({**RESET_AT, "app": "evil"}),
    "another record": sealed({**RESET_AT, "kind": "pointer"}),
    "of another range": sealed(reset(2 * GENERATION)),
    "in the middle of a range": sealed(reset(GENERATION + 1)),
    "changed": sealed(reset(2 * GENERATION)).replace(b"2000000000", b"1000000000"),
    "with a line more": sealed(reset(2 * GENERATION)).replace(b"{\n", b'{\n  "fence": 1000000000,\n', 1),
    "with a second signature": sealed(RESET_AT, EVIL).replace(b"{\n", b'{\n  "signature": "AAAA",\n', 1),
    "damaged": sealed(RESET_AT)[:80],
    "empty": b"",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_reset_that_nobody_could_sign_leads_nowhere(host: Machine, forged: str) -> None:
    put_reset(host.bucket, FORGED[forged])
    answer = host.deploy(make("0.1.0-dev"), fence=GENERATION + 1)
    assert (answer.code, answer.outcome) == (5, "refused")
    assert answer.reason.endswith("_fence/dev.json is no reset, signed for this host, that leads to it")
    assert numbers(host) == ["7"]


def test_without_a_record_no_later_range_is_reached(host: Machine) -> None:
    (host.bucket / "hello/_fence/dev.json").unlink()
    answer = host.deploy(make("0.1.0-dev"), fence=GENERATION + 1)
    assert answer.outcome == "refused"
    assert "404" in answer.evidence


def test_nothing_is_asked_of_the_bucket_while_the_range_stays(host: Machine) -> None:
    put_reset(host.bucket, sealed(RESET_AT))
    assert ordered(host, GENERATION + 1) == "unchanged"
    (host.bucket / "asked").unlink()
    assert ordered(host, GENERATION + 2) == "unchanged"
    assert not (host.bucket / "asked").exists()


@pytest.mark.parametrize("text", ["7 1\n", "7\nx\n", "-7\n", "7\n1234567\n", "08\n"])
def test_a_file_that_is_damaged_is_no_permission(host: Machine, text: str) -> None:
    (host.base / "fence").write_text(text)
    assert ordered(host, 8) == "refused"


def test_where_nobody_signs_the_order_and_the_host_have_to_allow_it(host: Machine, tmp_path: Path) -> None:
    put_reset(host.bucket, canonical(RESET_AT))
    allowed = host.root / "etc/tagship/hello/allow-unsigned"
    assert host.deploy(make("0.1.0-dev"), fence=GENERATION + 1, unsigned="allowed").outcome == "refused"
    allowed.touch()
    assert host.deploy(make("0.1.0-dev"), fence=GENERATION + 1).outcome == "refused"
    assert host.deploy(make("0.1.0-dev"), fence=GENERATION + 1, unsigned="allowed").outcome == "unchanged"
    allowed.unlink()
