"""The ledger: one object for each state change of each deployment, written once and never again.

Reading it is one pass over the keys, a page at a time, and the bodies that are wanted: those that the index has a copy
of from there, the others each by itself. The index is described in tagship.domain.segment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from tagship.domain import commands, layout
from tagship.domain.chain import RawEntry, tips
from tagship.domain.deployment import TESTED, Deployment, Entry, fold, is_id
from tagship.domain.mark import Mark
from tagship.domain.segment import SIZE, Copy, Span, begin_after, full, needed, packed, unpacked
from tagship.errors import ServiceFailed
from tagship.ports.bucket import Conflict, Object, Store

READERS = 8  # bodies fetched at once: enough to hide the round trips of a page of history
RACES = 100  # how often a lost race for a number is run again: more than a deployment has writers

A = TypeVar("A")
B = TypeVar("B")


class StoredLedger:
    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app
        self._unread: dict[str, dict[str, None]] = {}  # by environment, the keys that could not be read
        self._loose: dict[str, int] = {}  # by environment, how many deployments no segment holds
        self._tips: dict[str, dict[str, str]] = {}  # by environment, the latest entries: what the next one names
        self._named: dict[str, dict[str, str]] = {}  # by key, what an entry that was written here names
        self._copied: dict[tuple[str, str], Copy] = {}  # by key and ETag, what was read: such an object never changes
        self._segments: dict[str, Sequence[Copy]] = {}  # by key, those that were read

    # -- writing -------------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Write an entry under its number, or the next free one.

        If another writer has that number, it goes after all that are stored.
        It names the entries before it, as far as they were read here. A put that succeeded and was sent again meets
        a conflict: what is there is read before it is believed.
        """
        entry = replace(entry, before=self._named.get(self._key(entry), self._tips.get(entry.environment, {})))
        for _ in range(RACES):
            key = self._key(entry)
            try:
                self._store.create(key, entry.to_json())
                return self._follow(entry)
            except Conflict:
                stored = self._store.get(key)
                if stored and stored.body == entry.to_json():
                    return self._follow(entry)
                entry = replace(entry, number=self._next(key))
        raise ServiceFailed(
            f"Could not write to the ledger of deployment {entry.deployment_id}: other writers kept coming first.",
            remedy=f"Look at it: {commands.history(entry.environment, as_json=True)}",
        )

    def _follow(self, entry: Entry) -> None:
        """Have the next entry name this one."""
        self._tips[entry.environment] = tips([entry])
        self._named[self._key(entry)] = dict(entry.before)

    def _next(self, key: str) -> int:
        """Return one more than the deployment's highest number.

        The deployment is the one that `key` belongs to.
        """
        names = [stored.key.rpartition("/")[2] for stored in self._store.list(f"{key.rpartition('/')[0]}/")]
        numbers = [name.partition("-")[0] for name in names]
        return 1 + max((int(number) for number in numbers if number.isdigit()), default=0)

    def mark(self, mark: Mark) -> None:
        key = layout.mark(self._app, mark.environment, mark.id)
        try:
            self._store.create(key, mark.to_json())
        except Conflict:
            stored = self._store.get(key)
            if stored is None or stored.body != mark.to_json():
                raise ServiceFailed(
                    f"The ledger has a different mark under the id {mark.id}.", remedy="Run the same command again"
                ) from None

    # -- reading -------------------------------------------------------------------------------------------------------

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        """Read deployments, oldest first; with a `limit`, only the latest.

        Then only their keys and bodies are read, and more if some of those cannot be read.
        """
        asked = limit
        while True:
            readable, more = self._part(environment, asked)
            if len(readable) >= limit or not more:
                return readable[-limit:] if limit else readable
            asked *= 2

    def _part(self, environment: str, limit: int) -> tuple[list[Deployment], bool]:
        """Read those of the latest `limit` that can be read.

        A limit of 0 is all. Also returns whether there are more before them.
        """
        self._unread[environment] = {}
        spans = self._spans(environment)
        entries = self._entries(environment, begin_after(spans, limit))
        if limit and len(_deployments(entries)) < limit and begin_after(spans, limit):
            entries = self._entries(environment, "")  # the index promised more than there is
        last = spans[-1].last if spans else ""
        self._loose[environment] = len({_id(entry) for entry in entries if _id(entry) > last})
        wanted = _latest(entries, limit)
        copies = self._copies(environment, needed(spans, {_id(entry) for entry in wanted}))
        bodies = self._bodies(environment, wanted, copies)
        self._tips[environment] = tips(copy.entry for copy in bodies)
        read = fold(copy.entry for copy in bodies if copy.entry.state != TESTED)
        return read, len(_deployments(wanted)) >= limit > 0

    def tests(self, environment: str) -> Sequence[Entry]:
        passed = [stored for stored in self._entries(environment, "") if _is_test(stored)]
        spans = needed(self._spans(environment), {_id(stored) for stored in passed})
        copies = self._bodies(environment, passed, self._copies(environment, spans))
        return sorted((copy.entry for copy in copies), key=lambda entry: entry.deployment_id)

    def stored(self, environment: str) -> Sequence[RawEntry]:
        listed = self._entries(environment, "")
        bodies = _at_once(lambda entry: self._store.get(entry.key), listed)
        prefix = layout.ledger(self._app, environment)
        pairs = zip(listed, bodies, strict=True)
        return [RawEntry(entry.key.removeprefix(prefix), entry.modified, body.body) for entry, body in pairs if body]

    def marks(self, environment: str) -> Sequence[Mark]:
        keys = [stored.key for stored in self._store.list(layout.marks(self._app, environment))]
        objects = _at_once(self._store.get, keys)
        marks = [Mark.from_json(stored.body) if stored else None for stored in objects]
        self._pass_over(environment, [key for key, mark in zip(keys, marks, strict=True) if mark is None])
        return sorted((mark for mark in marks if mark), key=lambda mark: mark.id)

    def unreadable(self, environment: str) -> Sequence[str]:
        return tuple(self._unread.get(environment, ()))

    def _pass_over(self, environment: str, keys: Iterable[str]) -> None:
        self._unread.setdefault(environment, {}).update(dict.fromkeys(keys))

    def _entries(self, environment: str, after: str) -> list[Object]:
        """List the objects of deployments whose ids come after `after`.

        All keys of a deployment sort before `<id>/~`.
        """
        prefix = layout.ledger(self._app, environment)
        listed = self._store.list(prefix, after=f"{prefix}{after}/~" if after else "")
        ours = [stored for stored in listed if not stored.key.startswith(f"{prefix}_")]
        self._pass_over(environment, [stored.key for stored in ours if not is_id(_id(stored))])
        return [stored for stored in ours if is_id(_id(stored))]

    def _bodies(self, environment: str, wanted: Sequence[Object], known: dict[tuple[str, str], Copy]) -> list[Copy]:
        """Read each entry from its copy, else from the object.

        A copy counts if it is of this very object; an object is read once.
        """
        known = self._copied | known
        missing = [stored for stored in wanted if (stored.key, stored.etag) not in known]
        read = dict(zip((stored.key for stored in missing), _at_once(self._read, missing), strict=True))
        self._pass_over(environment, [key for key, copy in read.items() if copy is None])
        self._copied |= {(copy.key, copy.etag): copy for copy in read.values() if copy}
        copies = (known.get((stored.key, stored.etag)) or read[stored.key] for stored in wanted)
        return [copy for copy in copies if copy]

    def _read(self, listed: Object) -> Copy | None:
        stored = self._store.get(listed.key)
        entry = Entry.from_json(stored.body) if stored else None
        return Copy(listed.key, listed.etag, entry) if entry and self._key(entry) == listed.key else None

    def _key(self, entry: Entry) -> str:
        return layout.ledger_entry(self._app, entry.environment, entry.deployment_id, entry.number, entry.state)

    # -- the index -----------------------------------------------------------------------------------------------------

    def index(self, environment: str) -> int:
        if self._loose.get(environment, 0) < SIZE:
            return 0
        with contextlib.suppress(ServiceFailed):
            spans = self._spans(environment)
            return len(self._write_segments(environment, spans[-1].last if spans else ""))
        return 0

    def rebuild_index(self, environment: str) -> int:
        """Write the index anew from the entries themselves.

        Segments that are not written again are removed.
        """
        written = self._write_segments(environment, "")
        for segment in list(self._store.list(layout.index(self._app, environment))):
            if segment.key not in written:
                with contextlib.suppress(Conflict):
                    self._store.delete(segment.key, segment.etag)
        return len(written)

    def _write_segments(self, environment: str, after: str) -> set[str]:
        """Write segments of what comes after that id; return their keys.

        What fills none is left to be read.
        """
        listed = self._entries(environment, after)
        by_deployment: dict[str, list[Copy]] = {_id(stored): [] for stored in listed}
        for copy in self._bodies(environment, listed, {}):
            by_deployment[_id(copy)].append(copy)
        return {self._write_segment(environment, *segment) for segment in full(by_deployment)}

    def _write_segment(self, environment: str, first: str, last: str, copies: Sequence[Copy]) -> str:
        key, body = layout.index_segment(self._app, environment, first, last), packed(copies)
        try:
            self._store.create(key, body)
        except Conflict:
            stored = self._store.get(key)
            if stored and stored.body != body:
                with contextlib.suppress(Conflict):
                    self._store.replace(key, body, stored.etag)
        return key

    def _spans(self, environment: str) -> list[Span]:
        """List what each segment holds, by its key, the oldest first."""
        keys = [segment.key for segment in self._store.list(layout.index(self._app, environment))]
        spans = {key: Span.read(key) for key in keys}
        self._pass_over(environment, [key for key, span in spans.items() if span is None])
        return sorted((span for span in spans.values() if span), key=lambda span: span.last)

    def _copies(self, environment: str, spans: Sequence[Span]) -> dict[tuple[str, str], Copy]:
        """Read the segments' copies, by the originals' keys and ETags.

        Each segment is read once: a copy counts by its original's ETag, whatever has become of the segment since.
        """
        fresh = [span for span in spans if span.key not in self._segments]
        bodies = _at_once(lambda span: self._store.get(span.key), fresh)
        read = [unpacked(body.body) if body else [] for body in bodies]
        self._segments |= {span.key: copies for span, copies in zip(fresh, read, strict=True) if copies is not None}
        self._pass_over(environment, [span.key for span in spans if span.key not in self._segments])
        known = [copy for span in spans for copy in self._segments.get(span.key, ())]
        return {(copy.key, copy.etag): copy for copy in known if self._key(copy.entry) == copy.key}


def _id(entry: Object | Copy) -> str:
    """Return the deployment that an entry's key names by its folder."""
    return entry.key.split("/")[-2]


def _latest(entries: Iterable[Object], limit: int) -> list[Object]:
    """Choose the entries of the latest `limit` deployments (0: all).

    Ids sort by time. What was tested since the first of them is among them: the next entry names it.
    """
    ordered = sorted(entries, key=lambda entry: entry.key)
    ids = sorted(_deployments(ordered))
    first = ids[-limit] if 0 < limit <= len(ids) else ""
    return [entry for entry in ordered if _id(entry) >= first]


def _deployments(entries: Iterable[Object]) -> set[str]:
    """Return the ids of deployments alone."""
    return {_id(entry) for entry in entries if not _is_test(entry)}


def _is_test(entry: Object) -> bool:
    """Tell by its key whether an entry says that a version passed."""
    return entry.key.endswith(f"-{TESTED}.json")


def _at_once(act: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Call `act` on the items, several at once; keep their order."""
    if not items:
        return []
    with ThreadPoolExecutor(min(READERS, len(items))) as readers:
        return list(readers.map(act, items))
