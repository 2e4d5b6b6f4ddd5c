"""Signals that ask a command to end."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from types import SimpleNamespace

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


@pytest.mark.parametrize("second", ASKED)
def test_what_follows_the_first_does_not_cut_off_the_way_out(second: signal.Signals) -> None:
    """The kernel and the shell each send the SIGHUP of a closed terminal; systemd sends SIGTERM as well."""
    ended: list[bool] = []

    def end() -> None:
        os.kill(os.getpid(), second)
        ended.append(True)

    with pytest.raises(KeyboardInterrupt), signals_interrupt(), closing(SimpleNamespace(close=end)):
        os.kill(os.getpid(), signal.SIGHUP)
    assert ended == [True]


def test_outside_the_main_thread_it_does_nothing() -> None:
    ended: list[bool] = []

    def run() -> None:
        with signals_interrupt():
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]
