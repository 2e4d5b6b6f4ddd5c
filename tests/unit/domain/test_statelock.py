"""State locks: what Terraform's object says, and which notes may belong to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.statelock import AtWork, Note, StateLock, Unreadable, may_hold

RAW = (  # as Terraform 1.11.4 wrote it
    b'{"ID":"65b132de-ee33-005a-61a6-39f28dd240e0","Operation":"OperationTypeApply","Info":"","Who":"root@vm",'
    b'"Version":"1.11.4","Created":"2026-11-20T16:58:19.396361002Z","Path":"b/tiny/_infra/dev/terraform.tfstate"}'
)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "https://github.com/acme/hello/actions/runs/4711"


def note(host: str, minutes: float, who: str = "ada") -> Note:
    work = AtWork(who, host, "", "0.1.0-dev")
    return Note(work, f"notes/{who}", '"e"', NOON + timedelta(minutes=minutes))


def test_a_lock_says_who_does_what_since_when() -> None:
    lock = StateLock.from_json(RAW)
    assert lock == StateLock(
        "65b132de-ee33-005a-61a6-39f28dd240e0", "apply", "root@vm", "1.11.4", "2026-11-20T16:58:19.396361002Z"
    )
    assert lock.host == "vm"


def test_what_is_not_said_is_unknown() -> None:
    assert StateLock.from_json(b'{"ID": "7"}') == StateLock("7", "unknown", "", "", "")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"{}",
        b'{"ID": null}',
        b'{"ID": ["a"]}',
        b'{"ID": ""}',
        b'{"ID": "$(id)"}',
        b'{"ID": "a b"}',
    ],
)
def test_what_is_no_lock_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        StateLock.from_json(raw)


def test_what_others_wrote_is_one_short_line() -> None:
    lock = StateLock.from_json(json.dumps({"ID": "7", "Who": "a\x1b[2J\n@" + "x" * 500}).encode())
    assert lock.who.isprintable()
    assert len(lock.who) == 200


@given(st.binary())
def test_bytes_are_a_lock_or_unreadable_and_nothing_else(raw: bytes) -> None:
    try:
        assert StateLock.from_json(raw).id
    except Unreadable:
        return


def test_a_note_comes_back_as_it_was_written() -> None:
    work = AtWork("run 4711 (octocat)", "fv-az123", URL, "0.1.0-dev")
    assert AtWork.from_json(work.to_json()) == work
    assert work.run_id == "4711"


def test_a_note_of_another_schema_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="schema 2"):
        AtWork.from_json(b'{"schema": 2}')


@pytest.mark.parametrize("url", ["", "https://ci.example.com/build/7", URL + "/../8", URL + "x"])
def test_a_url_that_names_no_run_has_no_run(url: str) -> None:
    assert AtWork("ada", "vm", url, "0.1.0-dev").run_id == ""


def test_whoever_was_on_that_machine_first_may_hold_the_lock() -> None:
    lock = StateLock.from_json(RAW)
    earlier, later, elsewhere = note("vm", -1), note("vm", 1, "bob"), note("laptop", -1, "eve")
    assert may_hold(lock, NOON, [later, earlier, elsewhere]) == [earlier]


def test_of_two_runs_on_one_machine_both_may_hold_it_the_latest_first() -> None:
    lock = StateLock.from_json(RAW)
    one, two = note("vm", -2), note("vm", 0, "bob")
    assert may_hold(lock, NOON, [one, two]) == [two, one]
