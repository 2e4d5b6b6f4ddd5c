"""AWS, or a program that gives credentials, that does not answer: what is waited for is said, and for how long."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOON = 3.0  # seconds until it is said what is waited for


@dataclass
class Patience:
    """Watches the calls of clients.

    `patience` and `connecting` are seconds of each of the `attempts` of one call.
    A thread makes one call at a time: what an interrupt cut short is over when the next one begins.
    """

    say: Callable[[str], None]
    patience: float
    connecting: float
    attempts: int
    soon: float = SOON
    _timers: dict[int, threading.Timer] = field(default_factory=dict, repr=False)

    def watch(self, client: Any) -> None:
        events = client.meta.events
        events.register("before-call", self._begin)
        events.register("after-call", self._end)
        events.register("after-call-error", self._end)
        events.register("needs-retry", self._again)

    def _begin(self, *, model: Any, **_: Any) -> None:
        self._end()
        if self.patience > self.soon:
            longest = f"it is given up after {self.patience * self.attempts:g} s of silence"
            waiting = f"waiting for AWS ({model.name}); {longest}"
            self._timers[threading.get_ident()] = _timer(self.soon, lambda: self.say(waiting))

    def _end(self, **_: Any) -> None:
        timer = self._timers.pop(threading.get_ident(), None)
        if timer:
            timer.cancel()

    def _again(self, **event: Any) -> None:
        """Say that AWS is silent, before botocore asks again."""
        from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

        error, attempt = event["caught_exception"], event["attempts"]
        if isinstance(error, ConnectTimeoutError | ReadTimeoutError) and attempt < self.attempts:
            waited = self.connecting if isinstance(error, ConnectTimeoutError) else self.patience
            name = event["operation"].name
            self.say(f"AWS did not answer for {waited:g} s ({name}): attempt {attempt + 1} of {self.attempts}")


class NeverEnded(Exception):
    """A credential process took too long, and was ended by us."""


@dataclass
class Bound:
    """Starts credential processes, in place of Popen.

    Each is named if it takes long, and killed after `longest` s.
    Its arguments are not said: they may hold a secret.
    """

    say: Callable[[str], None]
    longest: float
    soon: float = SOON

    def __call__(self, command: list[str], **pipes: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, **pipes)
        communicate, name = process.communicate, Path(command[0]).name

        def bounded() -> tuple[bytes, bytes]:
            waiting = f"waiting for the credential process {name}, ended after {self.longest:g} s"
            try:
                with _told(self.soon, lambda: self.say(waiting)):
                    return communicate(timeout=self.longest)
            except subprocess.TimeoutExpired as reason:
                process.kill()
                raise NeverEnded(f"the credential process {name} did not end within {self.longest:g} s") from reason

        process.communicate = bounded  # type: ignore[method-assign, assignment]
        return process


@contextmanager
def _told(seconds: float, tell: Callable[[], None]) -> Iterator[None]:
    timer = _timer(seconds, tell)
    try:
        yield
    finally:
        timer.cancel()


def _timer(seconds: float, tell: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, tell)
    timer.daemon = True
    timer.start()
    return timer
