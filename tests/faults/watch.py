"""Somebody who asks the app for its version all the time."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Self

EVERY = 0.01  # seconds


class Watch:
    """What an app answered from `with` to its end: versions in the order they were seen, and what was no answer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.versions: list[str] = []
        self.wrong: list[str] = []
        self.asked = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.is_set():
            try:
                found = version(self.port)
                if not self.versions or self.versions[-1] != found:
                    self.versions.append(found)
            except (OSError, ValueError) as reason:
                self.wrong.append(f"{type(reason).__name__}: {reason}")
            self.asked += 1
            time.sleep(EVERY)


def version(port: int) -> str:
    """The version that answers on a port now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        return str(json.load(answer)["version"])
