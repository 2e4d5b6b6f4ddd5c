"""The ledger's chain: what is altered, deleted or put between shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.chain import Flaw, RawEntry, digest, flaws, name_of, tips
from tagship.domain.deployment import Entry

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(minute: int, number: int, state: str, **fields: object) -> Entry:
    at = (BEGIN + timedelta(minutes=minute, seconds=number)).isoformat()
    id_ = f"20261120-12{minute:02}00-000000-abcdef"
    whole = Entry(id_, number, state, at, "hello", "dev", "deploy", f"0.1.{minute}-dev", "ada", "")
    return replace(whole, **fields)  # type: ignore[arg-type]


def chained(*entries: Entry) -> list[Entry]:
    """Written one after another, each by somebody who had read all before it."""
    written: list[Entry] = []
    for each in entries:
        written.append(replace(each, before=tips(written)))
    return written


def stored(*entries: Entry) -> list[RawEntry]:
    return [RawEntry(name_of(each), datetime.fromisoformat(each.at), each.to_json()) for each in entries]


def story(count: int = 4) -> list[Entry]:
    pairs = [(entry(5 * n, 1, "requested"), entry(5 * n, 2, "healthy")) for n in range(1, count + 1)]
    return chained(*(each for pair in pairs for each in pair))


def test_each_entry_names_the_one_before_it() -> None:
    first, second, third, *_ = story()
    assert first.before == {}
    assert second.before == {name_of(first): digest(first.to_json())}
    assert third.before == {name_of(second): digest(second.to_json())}


def test_a_record_as_it_was_written_has_no_flaw() -> None:
    assert flaws(stored(*story())) == []
    assert flaws([]) == []


@given(st.integers(0, 6), st.data())
def test_an_entry_that_is_altered_shows(which: int, data: st.DataObject) -> None:
    """All but the last: nothing was written after that one."""
    records = stored(*story())
    raw = records[which].raw
    at = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[at]))
    records[which] = replace(records[which], raw=raw[:at] + bytes([other]) + raw[at + 1 :])
    assert records[which].name in {flaw.name for flaw in flaws(records)}


@given(st.integers(0, 6))
def test_an_entry_that_is_deleted_shows(which: int) -> None:
    records = stored(*story())
    gone = records.pop(which)
    assert any(flaw.name == gone.name and "is gone" in flaw.problem for flaw in flaws(records))


def test_an_entry_that_is_put_between_shows() -> None:
    """With the time that it would have had, or with that of its writing."""
    records = stored(*story())
    forged = entry(7, 1, "healthy")
    [hidden] = stored(forged)
    assert Flaw(hidden.name, f"was not there when {records[2].name} was written") in flaws([*records, hidden])
    late = replace(hidden, modified=BEGIN + timedelta(hours=2))
    assert any("and was put at" in flaw.problem for flaw in flaws([*records, late]))


def test_what_a_dead_runner_wrote_late_is_named_by_the_next_but_one() -> None:
    written = chained(entry(5, 1, "requested"))
    taken_over = replace(entry(10, 1, "requested"), before=tips(written))
    late = replace(entry(5, 2, "healthy"), before=tips(written), at=(BEGIN + timedelta(minutes=12)).isoformat())
    following = replace(entry(20, 1, "requested"), before=tips([*written, taken_over, late]))
    assert set(following.before) == {name_of(taken_over), name_of(late)}
    assert flaws(stored(*written, taken_over, late, following)) == []


def test_what_is_older_than_the_chain_is_left_out_of_it() -> None:
    """Its bytes are as they were, and the first entry of the chain names the last of it."""
    old = [entry(5, 1, "requested"), entry(5, 2, "healthy"), entry(10, 1, "requested"), entry(10, 2, "failed")]
    assert all(b'"before"' not in each.to_json() and b'"by"' not in each.to_json() for each in old)
    new = replace(entry(15, 1, "requested"), before=tips(old))
    assert list(new.before) == [name_of(old[-1])]
    assert flaws(stored(*old, new)) == []
    assert flaws(stored(*old[:-1], new)) == [Flaw(name_of(old[-1]), f"is gone; {name_of(new)} names it")]


def test_what_cannot_be_read_is_a_flaw() -> None:
    records = stored(*story())
    for raw in (b"", b"{}", b"[]", b"null", b"{" * 100_000):
        assert Flaw(records[-1].name, "cannot be read") in flaws([*records[:-1], replace(records[-1], raw=raw)])
