"""The functions of one change at once: each in a thread, and a heartbeat while they are at it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tagship.adapters.targets.looks import until_ended
from tagship.domain.text import counted
from tagship.ports.target import Tick

MOST = 16  # functions at a time
BEAT = 0.25  # seconds between two ticks
SHOWN = 2  # functions of which a tick says how far they are

T = TypeVar("T")
R = TypeVar("R")


def together(
    items: Mapping[str, T],
    act: Callable[[T], R],
    *,
    tick: Tick,
    doing: str,
    stop: threading.Event,
    progress: Mapping[str, str] | None = None,
) -> dict[str, R]:
    """Act on each item; return what came of it.

    `progress` says how far some of the items are, and changes meanwhile. What `tick` raises sets `stop` and, when all
    have ended, is raised. What an act raises is raised too.
    """

    def look(going: Mapping[str, Future[R]]) -> dict[str, Future[R]]:
        done = f"{len(items) - len(going)} of {counted(len(items), 'function')}"
        known = {key: progress.get(key) for key in sorted(going)} if progress else {}
        words = [f"{key}: {how_far}" for key, how_far in known.items() if how_far]
        tick("; ".join([f"{doing}: {done}", *words[:SHOWN]]))
        wait(going.values(), BEAT, FIRST_COMPLETED)
        return {key: future for key, future in going.items() if future.done()}

    with ThreadPoolExecutor(max(1, min(MOST, len(items)))) as pool:
        futures: dict[str, Future[R]] = {key: pool.submit(act, item) for key, item in items.items()}
        try:
            until_ended(futures, look, lambda _: None)  # a look waits already
            tick(f"{doing}: {len(items)} of {counted(len(items), 'function')}")
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return {key: future.result() for key, future in futures.items()}


def at_once(items: Mapping[str, T], act: Callable[[T], R], doing: str) -> dict[str, R]:
    """Act on all at once, without a heartbeat."""
    return together(items, act, tick=lambda _: None, doing=doing, stop=threading.Event())
