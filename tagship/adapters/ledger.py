"""The ledger: one object for each state change of each deployment, written once and never again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tagship.domain import layout
from tagship.domain.deployment import Deployment, Entry, fold
from tagship.errors import ServiceFailed
from tagship.ports import Conflict, Store

READERS = 8  # bodies fetched at once: enough to hide the round trips of a page of history
NUMBERS = 20  # more state changes than a deployment can have


class StoredLedger:
    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app
        self._unreadable: dict[str, list[str]] = {}

    def append(self, entry: Entry) -> None:
        """Write an entry under its number, or under the next one that is free when another writer has that one.

        A put that succeeded and was sent again meets a conflict: what is there is read before it is believed.
        """
        for number in range(entry.number, entry.number + NUMBERS):
            numbered = replace(entry, number=number)
            key = self._key(numbered)
            try:
                self._store.create(key, numbered.to_json())
                return
            except Conflict:
                there = self._store.get(key)
                if there and there.body == numbered.to_json():
                    return
        raise ServiceFailed(
            f"The ledger took no entry for deployment {entry.deployment_id}.",
            remedy=f"Look at it: inv history --env {entry.environment} --json",
        )

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        """Oldest first; with a `limit`, only the bodies of the latest that many are fetched."""
        keys = [found.key for found in self._store.list(layout.ledger(self._app, environment))]
        wanted = _latest(keys, limit)
        with ThreadPoolExecutor(READERS) as readers:
            entries = list(readers.map(self._read, wanted))
        self._unreadable[environment] = [key for key, entry in zip(wanted, entries, strict=True) if entry is None]
        return fold(entry for entry in entries if entry)

    def unreadable(self, environment: str) -> Sequence[str]:
        return tuple(self._unreadable.get(environment, ()))

    def _read(self, key: str) -> Entry | None:
        found = self._store.get(key)
        entry = Entry.from_json(found.body) if found else None
        return entry if entry and self._key(entry) == key else None

    def _key(self, entry: Entry) -> str:
        return layout.ledger_entry(self._app, entry.environment, entry.deployment_id, entry.number, entry.state)


def _latest(keys: Iterable[str], limit: int) -> list[str]:
    """The keys of the latest `limit` deployments (0: all). A key's folder is a deployment, and sorts by time."""
    ordered = sorted(keys)
    folders = sorted({key.rpartition("/")[0] for key in ordered})
    kept = set(folders[-limit:]) if limit else set(folders)
    return [key for key in ordered if key.rpartition("/")[0] in kept]
