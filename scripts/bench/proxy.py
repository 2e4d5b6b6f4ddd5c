"""Which proxy switches colours without losing a request: nginx reloaded, HAProxy reloaded, HAProxy told at run time.

    python -m scripts.bench.proxy [--seconds 20] [--rate 600] [--switches 20]

Each candidate stands in front of two colours of a small HTTP service, all on loopback, none as root. A steady load
(half of the requests on connections kept alive, half on new ones, and one slow request in flight at every switch) runs
while the colours are switched; a request has failed when it got no 200 on a connection that had shown no sign of being
closed. The same load without a switch is printed beside it. docs/adr/0007-proxy.md records what this printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.bench.candidates import CANDIDATES, COLOURS, Proxy, wait_for_port
from scripts.bench.load import SLOW, Load, percentile

NEAR = 0.25  # seconds after a switch in which a request counts as "during" it

# -- the service behind -----------------------------------------------------------------------------------------------


def serve(colour: str, port: int) -> None:
    """One colour: answers its name at once, and after SLOW seconds under /slow."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /slow"):
                    await asyncio.sleep(SLOW)
                body = colour.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(run())


# -- one run ----------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """What one run of one candidate gave."""

    name: str
    requests: int
    failed: dict[str, int]
    between: float  # milliseconds, 99th percentile
    during: float
    effective: float  # milliseconds from the order to the last answer of the old colour, median
    idle_memory: float
    peak_memory: float


def measure(kind: type[Proxy], folder: Path, rate: int, seconds: float, switches: int) -> Row:
    """Run one candidate under load with that many switches."""
    folder.mkdir()
    ports = {name: free_port() for name in ("proxy", *COLOURS)}
    behind = [multiprocessing.Process(target=serve, args=(name, ports[name]), daemon=True) for name in COLOURS]
    for process in behind:
        process.start()
    for name in COLOURS:
        wait_for_port(ports[name])
    proxy = kind(folder, ports)
    try:
        proxy.start()
        return _under_load(proxy, rate, seconds, switches)
    finally:
        proxy.stop()
        for process in behind:
            process.kill()


def _under_load(proxy: Proxy, rate: int, seconds: float, switches: int) -> Row:
    idle, peak, told = proxy.memory(), [0.0], []

    def switch(colour: str) -> None:
        told.append((time.monotonic(), colour))
        proxy.switch(colour)
        peak[0] = max(peak[0], proxy.memory())

    step = seconds / (switches + 1)
    colours = itertools.cycle(reversed(COLOURS))
    plan = [(step * (n + 1), partial(switch, next(colours))) for n in range(switches)]
    load = Load(proxy.ports["proxy"], rate, seconds)
    asyncio.run(load.run(plan))
    near = [one.seconds for one in load.answers if any(0 <= one.sent - when < NEAR for when, _ in told)]
    far = [one.seconds for one in load.answers if not any(-NEAR <= one.sent - when < 2 * NEAR for when, _ in told)]
    return Row(
        proxy.name if switches else f"{proxy.name}, not switched",
        len(load.answers) + sum(load.failures.values()),
        dict(load.failures),
        percentile(far, 99),
        percentile(near, 99),
        statistics.median(_lags(load, told)) * 1000 if told else 0.0,
        idle,
        max(peak[0], proxy.memory()),
    )


def _lags(load: Load, told: list[tuple[float, str]]) -> Iterator[float]:
    """For each switch, how long after it the old colour still answered requests that were sent after it."""
    ends = [when for when, _ in told[1:]] + [float("inf")]
    for (when, colour), end in zip(told, ends, strict=True):
        late = [one.sent for one in load.answers if when <= one.sent < end and one.body != colour]
        yield max(late, default=when) - when


# -- this machine -----------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure each candidate, with switches and without, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=600, help="requests a second")
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="tagship-proxy-") as folder:
        for number, (kind, switches) in enumerate(itertools.product(CANDIDATES, (chosen.switches, 0))):
            if shutil.which(kind.program):
                rows.append(measure(kind, Path(folder, str(number)), chosen.rate, chosen.seconds, switches))
            else:
                print(f"{kind.name}: {kind.program} is not installed here")
    print(json.dumps([vars(row) for row in rows], indent=2) if chosen.json else table(rows))


def table(rows: Sequence[Row]) -> str:
    heads = ("requests", "failed", "p99 between", "p99 during", "old seen for", "memory", "peak")
    lines = [f"{'':<42}" + "".join(f"{head:>14}" for head in heads)]
    for row in rows:
        cells = [str(row.requests), str(sum(row.failed.values())), f"{row.between:.1f} ms", f"{row.during:.1f} ms"]
        cells += [f"{row.effective:.0f} ms", f"{row.idle_memory:.0f} MB", f"{row.peak_memory:.0f} MB"]
        lines.append(f"{row.name:<42}" + "".join(f"{cell:>14}" for cell in cells))
        lines += [f"{'':<44}{count} x {kind_of}" for kind_of, count in sorted(row.failed.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
