"""Requests from outside that are under way while something happens to a host, and how each of them ended."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.host.host import PORT, Host


class Asked(NamedTuple):
    """When a request was sent and over, and what became of it: the text of a 200, another status, or what broke."""

    sent: float
    over: float
    said: str


@contextmanager
def asking(host: Host, path: str, pause: float = 0) -> Iterator[list[Asked]]:
    """A request under way as the block begins, and every `pause` seconds another one; all are over when it ends."""
    asked, over, threads = list[Asked](), threading.Event(), list[threading.Thread]()

    def start() -> None:
        threads.append(threading.Thread(target=lambda: asked.append(ask(host, path))))
        threads[-1].start()

    def go_on() -> None:
        while pause and not over.wait(pause):
            start()

    start()
    going_on = threading.Thread(target=go_on)
    going_on.start()
    time.sleep(0.5)  # the first one has been sent by then
    try:
        yield asked
    finally:
        over.set()
        going_on.join()
        for thread in threads:
            thread.join()


def ask(host: Host, path: str) -> Asked:
    sent = time.monotonic()
    connection = http.client.HTTPConnection(host.machine.address, PORT, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode().strip()
        said = text if answer.status == 200 else str(answer.status)
    except (OSError, http.client.HTTPException) as problem:
        said = type(problem).__name__
    finally:
        connection.close()
    return Asked(sent, time.monotonic(), said)
