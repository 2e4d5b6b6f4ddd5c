"""The ledger's chain: an entry names the entries before it by their SHA-256, so that a change to the record shows.

Each entry names the latest ones that its writer had read or written. An entry that is altered or deleted later is
missed by the one that names it, and one that is put between them is named by none. Whoever can write to the bucket can
still add to the end: the bucket's policy, and the signature of what is deployed, decide what that is worth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

from tagship.domain.deployment import Entry, is_id
from tagship.domain.stored import ODD, moment_of

LATE = timedelta(minutes=10)  # between the time in an entry, which is the store's, and the time of its object
BESIDE = timedelta(minutes=1)  # entries that are written this close to each other need not know of each other


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


def name_of(entry: Entry) -> str:
    """Name an entry within its environment, as its object's key does."""
    return f"{entry.deployment_id}/{entry.number}-{entry.state}.json"


def tips(entries: Iterable[Entry]) -> dict[str, str]:
    """Map each entry that no other one names to its SHA-256.

    Of those from before there was a chain, which name none, it is the last.
    """
    read = sorted(entries, key=lambda entry: (entry.deployment_id, entry.number))
    named = {name for entry in read for name in entry.before}
    free = [entry for entry in read if name_of(entry) not in named]
    begun = [entry for entry in free if entry.before] or free[-1:]
    return {name_of(entry): digest(entry.to_json()) for entry in begun}


@dataclass(frozen=True)
class RawEntry:
    """An entry's object as it is; `modified` is when it was put."""

    name: str
    modified: datetime
    raw: bytes

    @cached_property
    def values(self) -> Mapping[str, Any]:
        try:
            values = json.loads(self.raw)
        except ODD:
            return {}
        return values if isinstance(values, dict) else {}

    @property
    def before(self) -> Mapping[str, str]:
        before = self.values.get("before", {})
        return before if isinstance(before, dict) else {}

    @property
    def said(self) -> datetime | None:
        """Return the entry's own time; None if it has none."""
        try:
            return moment_of(self.values["at"])
        except ODD:
            return None


@dataclass(frozen=True)
class Flaw:
    """What is wrong with an entry, by its name."""

    name: str
    problem: str


def flaws(records: Sequence[RawEntry]) -> list[Flaw]:
    """Hold the record against its chain; return what does not fit."""
    stored = {record.name: record for record in records if is_id(record.name.partition("/")[0])}
    problems = [flaw for record in stored.values() for flaw in (*_misnamed(record, stored), *_misdated(record))]
    named = {name for record in stored.values() for name in record.before}
    free = [record for record in _chained(stored.values()) if record.name not in named]
    problems += [flaw for record in free for flaw in _unnamed(record, stored)]
    return sorted(set(problems), key=lambda flaw: (flaw.name, flaw.problem))


def _chained(records: Iterable[RawEntry]) -> list[RawEntry]:
    """Choose what was put since the first that names another."""
    ordered = sorted(records, key=lambda record: record.modified)
    began = next((record.modified for record in ordered if record.before), None)
    return [record for record in ordered if began is not None and record.modified >= began]


def _misnamed(record: RawEntry, stored: Mapping[str, RawEntry]) -> Iterable[Flaw]:
    """Check that the entries which one names are as they were."""
    for name, wanted in record.before.items():
        if name not in stored:
            yield Flaw(name, f"is gone; {record.name} names it")
        elif digest(stored[name].raw) != wanted:
            yield Flaw(name, f"is not what it was when {record.name} was written")


def _misdated(record: RawEntry) -> Iterable[Flaw]:
    if record.said is None:
        yield Flaw(record.name, "cannot be read")
    elif not abs(record.modified - record.said) <= LATE:
        yield Flaw(record.name, f"says {_shown(record.said)}, and was put at {_shown(record.modified)}")


def _unnamed(record: RawEntry, stored: Mapping[str, RawEntry]) -> Iterable[Flaw]:
    """Look for followers that should have named an unnamed entry."""
    followers = [
        other.name
        for other in stored.values()
        if other.before
        and other.name.partition("/")[0] != record.name.partition("/")[0]
        and other.name.partition("/")[2].startswith("1-")
        and other.modified > record.modified + BESIDE
    ]
    if followers:
        yield Flaw(record.name, f"was not there when {min(followers)} was written")


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
