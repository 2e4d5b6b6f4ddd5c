"""A steady load on one port: half on connections kept alive, half on new ones, and what became of each request."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 64  # connections that are kept alive, used in turn
SLOW = 2.0  # seconds that a request to /slow takes


class Answer(NamedTuple):
    """When it was asked for, the seconds that it took, what it said, and whether its connection had been kept."""

    sent: float
    seconds: float
    body: str
    kept: bool


@dataclass
class Load:
    """A steady load on one port, and what became of each request."""

    port: int
    rate: int
    seconds: float = 0
    host: str = "127.0.0.1"
    slow_path: str = "/slow"
    failures: Counter[str] = field(default_factory=Counter)
    asked: int = 0  # requests so far, the slow ones apart
    answers: list[Answer] = field(default_factory=list)
    slow: list[Answer] = field(default_factory=list)  # those of slow_path
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def run(self, switches: Sequence[tuple[float, Callable[[], None]]]) -> None:
        """Send requests at their time, whatever became of those before; switch in a thread when it is time."""
        self.idle += [await asyncio.open_connection(self.host, self.port) for _ in range(KEPT)]
        began, jobs = time.monotonic(), []
        jobs += [asyncio.create_task(self._at(began + when, switch)) for when, switch in switches]
        jobs += [asyncio.create_task(self._slow(began + when - SLOW / 2)) for when, _ in switches]
        for number in range(int(self.rate * self.seconds)):
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            jobs.append(asyncio.create_task(self.ask("/", keep=number % 2 == 0)))
        await asyncio.gather(*jobs)
        for _, writer in self.idle:
            writer.close()

    async def _at(self, when: float, switch: Callable[[], None]) -> None:
        await asyncio.sleep(max(0.0, when - time.monotonic()))
        await asyncio.to_thread(switch)

    async def _slow(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - time.monotonic()))
        await self.ask(self.slow_path, keep=False)

    async def ask(self, path: str, *, keep: bool) -> None:
        kind = "slow" if path == self.slow_path else "kept alive" if keep else "new"
        sent = time.monotonic()
        self.asked += path != self.slow_path
        try:
            async with asyncio.timeout(10):
                body, kept = await self._exchange(path, keep)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as problem:
            self.failures[f"{kind}: {type(problem).__name__}"] += 1
        else:
            answer = Answer(sent, time.monotonic() - sent, body, kept)
            (self.slow if path == self.slow_path else self.answers).append(answer)

    async def _exchange(self, path: str, keep: bool) -> tuple[str, bool]:
        reader, writer, kept = await self._connection(keep)
        try:
            wish = b"keep-alive" if keep else b"close"
            writer.write(b"GET %s HTTP/1.1\r\nHost: app\r\nConnection: %s\r\n\r\n" % (path.encode(), wish))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not re.match(rb"http/1\.[01] 200 ", head):
                raise ValueError(head.split(b"\r\n")[0])
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if keep and b"connection: close" not in head:
            self.idle.append((reader, writer))
        else:
            writer.close()
        return body.decode(), kept

    async def _connection(self, keep: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bool]:
        """An idle connection that nobody has closed as far as can be seen (True), or a new one."""
        while keep and self.idle:
            reader, writer = self.idle.pop(0)
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer, True
            writer.close()
        return *await asyncio.open_connection(self.host, self.port), False


def percentile(values: list[float], rank: int) -> float:
    """In milliseconds; 0 where there are too few values."""
    return statistics.quantiles(values, n=100)[rank - 1] * 1000 if len(values) > 1 else 0.0
