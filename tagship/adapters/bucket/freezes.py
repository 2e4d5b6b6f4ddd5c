"""A person's freeze of each environment: one object in the bucket, written and taken away by compare-and-swap."""

from __future__ import annotations

from datetime import datetime

from tagship.domain import commands, layout
from tagship.domain.freeze import Freeze, FreezeUnreadable, Frozen
from tagship.errors import Refused
from tagship.ports.bucket import Conflict, Store


class StoredFreezes:
    """The port's freezes; see there.

    A freeze is replaced only if it is still the one that was read.
    """

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app

    def now(self) -> datetime:
        return self._store.now()

    def look(self, environment: str) -> Frozen | None:
        stored = self._store.get(layout.freeze(self._app, environment))
        if stored is None:
            return None
        try:
            return Frozen(Freeze.from_json(stored.body), stored.etag, stored.now)
        except FreezeUnreadable as reason:
            raise FreezeUnreadable(environment, reason.why, stored.etag) from reason

    def write(self, freeze: Freeze, over: str) -> None:
        key = layout.freeze(self._app, freeze.environment)
        try:
            if over:
                self._store.replace(key, freeze.to_json(), over)
            else:
                self._store.create(key, freeze.to_json())
        except Conflict as reason:
            raise changed(freeze.environment) from reason

    def remove(self, frozen: Frozen) -> None:
        try:
            self._store.delete(layout.freeze(self._app, frozen.freeze.environment), frozen.etag)
        except Conflict as reason:
            raise changed(frozen.freeze.environment) from reason


def changed(environment: str) -> Refused:
    return Refused(
        f"Somebody else has just changed the freeze of {environment}.",
        remedy=f"Look at it, then decide again: {commands.lock(environment)}",
    )
