"""Signals that ask a command to end: it says how things stand on its way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASKED = (signal.SIGTERM, signal.SIGHUP)  # a cancelled job, `kill`; a terminal or a connection that was closed


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into KeyboardInterrupt.

    Outside the main thread, which alone gets signals, do nothing. What follows the first is not a second opinion: the
    kernel and the shell each send the SIGHUP of a closed terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ASKED}
    for number in ASKED:
        if before[number] != signal.SIG_IGN:  # nohup asked for it to be ignored
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ASKED:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, _heard)
    raise KeyboardInterrupt


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Let the way out, which gives the lease back, go on."""
