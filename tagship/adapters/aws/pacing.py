"""Keep to a limit of requests once AWS has refused one for it: threads that only try again would meet it anew.

Lambda takes 15 requests a second of its control plane, of all functions of an account and region together; GetFunction,
GetPolicy and invocations have limits of their own
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "Lambda API requests").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LAMBDA = 12.0  # requests a second: others ask too
APART = frozenset({"Invoke", "GetFunction", "GetPolicy"})
LASTS = 60.0  # seconds after the last refusal
THROTTLED = 429


@dataclass
class Pacing:
    """Spreads a client's requests evenly for a while after one was throttled."""

    rate: float = LAMBDA
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _until: float = field(default=float("-inf"), init=False)
    _next: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def watch(self, client: Any) -> None:
        events = client.meta.events
        events.register_first("before-send", self._wait)
        events.register("needs-retry", self._note)

    def _wait(self, *, event_name: str, **_: Any) -> None:
        """Wait for this request's turn."""
        if event_name.rpartition(".")[2] in APART:
            return
        with self._lock:
            now = self.now()
            if now > self._until:
                return
            turn = max(self._next, now)
            self._next = turn + 1 / self.rate
        self.sleep(turn - now)

    def _note(self, *, response: Any, operation: Any, **_: Any) -> None:
        """Begin to spread requests if this one was throttled."""
        if response and response[0].status_code == THROTTLED and operation.name not in APART:
            with self._lock:
                self._until = self.now() + LASTS
