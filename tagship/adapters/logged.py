"""The phases that a log shows: a line as each begins, and a line now and then while one lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from tagship.domain.text import lasted
from tagship.ports.people import Progress

FOLDED = 1.0  # seconds: a phase that took less, and was only seen when it was over, is not shown
SILENT = 10.0  # seconds without a line, after which the present phase is named again


@contextmanager
def logged(say: Callable[[str], None], silent: float = SILENT) -> Iterator[Progress]:
    """Write phases with the time, as a log grows."""
    phases, ended = LoggedPhases(say), Event()
    watch = Thread(target=_remind, args=(phases, ended, silent), daemon=True)
    watch.start()
    try:
        yield phases.show
    finally:
        ended.set()
        watch.join()


def _remind(phases: LoggedPhases, ended: Event, silent: float) -> None:
    while not ended.wait(silent / 10):
        phases.remind(silent)


class LoggedPhases:
    """Says each phase as it begins, and again while it lasts."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock, self._lock = say, clock, Lock()
        self._last, self._waits = "", False
        self._began = self._spoke = clock()

    def show(self, phase: str, /, took: float | None = None) -> None:
        """Write a phase as it begins, or ends unseen."""
        with self._lock:
            is_new = phase != self._last and (took is None or took >= FOLDED)
            if is_new:
                self._last, self._began = phase, self._clock()
                self._line(phase)
            self._waits = took is None if phase == self._last else self._waits

    def remind(self, silent: float) -> None:
        """Name the phase again if nothing was said so long."""
        with self._lock:
            if self._waits and self._clock() - self._spoke >= silent:
                self._line(f"{self._last}: still waiting, {lasted(self._clock() - self._began)}")

    def _line(self, text: str) -> None:
        self._spoke = self._clock()
        self._say(f"{datetime.now(UTC):%H:%M:%S} {text}")
