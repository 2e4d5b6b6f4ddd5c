"""Signals that ask a command to end."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tagship.engine.signals import ASKED, signals_interrupt


@pytest.mark.parametrize("number", ASKED)
def test_it_becomes_an_interruption_and_afterwards_is_what_it_was(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_it_does_nothing() -> None:
    ended: list[bool] = []

    def run() -> None:
        with signals_interrupt():
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]
