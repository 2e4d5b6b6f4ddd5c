"""Asks a host for its version all the while, from outside: what a user of it would see."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.host.host import Host


class Watch:
    """What was answered so far: versions, and an empty word for each request that was not."""

    def __init__(self, host: Host) -> None:
        self._host, self._over = host, threading.Event()
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._over.wait(0.05):
            self.heard.append(self._host.answers())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def never_stops(host: Host, version: str) -> Iterator[Watch]:
    """That version, and no other, answers every request while the block runs."""
    with Watch(host) as watch:
        yield watch
        time.sleep(0.2)
    assert set(watch.heard) == {version}, watch.heard
