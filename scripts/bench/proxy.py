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
import http.client
import itertools
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

COLOURS = ("blue", "green")
KEPT = 64  # connections that are kept alive, used in turn
SLOW = 2.0  # seconds that a request to /slow takes
NEAR = 0.25  # seconds after a switch in which a request counts as "during" it

NGINX = """\
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000;
  upstream app {{ include {folder}/upstream.conf; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
HAPROXY = """\
global
  maxconn 1024
  hard-stop-after 30s
  stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend control
  bind unix@{folder}/control.sock mode 600
  http-request set-map({folder}/active.map) active %[path,field(2,/)] if METH_PUT {{ path -m str /blue /green }}
  http-request return status 200 content-type text/plain lf-string "%[str(active),map({folder}/active.map)]"
frontend app
  bind 127.0.0.1:{port}
  use_backend %[str(active),map({folder}/active.map)]
backend blue
  server app 127.0.0.1:{blue}
backend green
  server app 127.0.0.1:{green}
"""


class Proxy(ABC):
    """A candidate: how it is configured, started, and told which colour to serve."""

    name: str
    program: str

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder, self.ports = folder, ports
        self.process: subprocess.Popen[bytes] | None = None
        self.choose("blue")

    @abstractmethod
    def choose(self, colour: str) -> None:
        """Write which colour serves to the file that the proxy reads when it starts."""

    @abstractmethod
    def argv(self) -> list[str]: ...

    @abstractmethod
    def switch(self, colour: str) -> None:
        """Have the running proxy serve another colour; returns when the proxy has been told."""

    def start(self) -> None:
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(self.argv(), stdout=log, stderr=log, start_new_session=True)
        wait_for_port(self.ports["proxy"])

    def stop(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def memory(self) -> float:
        """Megabytes of all of its processes, shared pages counted once (PSS)."""
        assert self.process
        total = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total / 1024


class NginxReload(Proxy):
    name, program = "nginx, reload", "nginx"

    def choose(self, colour: str) -> None:
        (self.folder / "upstream.conf").write_text(f"server 127.0.0.1:{self.ports[colour]};\n")

    def argv(self) -> list[str]:
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=self.ports["proxy"]))
        return [self.program, "-p", str(self.folder), "-c", str(config), "-g", "daemon off;"]

    def switch(self, colour: str) -> None:
        self.choose(colour)
        assert self.process
        self.process.send_signal(signal.SIGHUP)


class Haproxy(Proxy):
    program = "haproxy"

    def choose(self, colour: str) -> None:
        (self.folder / "active.map").write_text(f"active {colour}\n")

    def argv(self) -> list[str]:
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(folder=self.folder, port=self.ports["proxy"], **self.colours()))
        return [self.program, "-W", "-f", str(config)]

    def colours(self) -> dict[str, int]:
        return {colour: self.ports[colour] for colour in COLOURS}


class HaproxyReload(Haproxy):
    name = "HAProxy, reload"

    def switch(self, colour: str) -> None:
        self.choose(colour)
        assert self.process
        self.process.send_signal(signal.SIGUSR2)


class HaproxyMap(Haproxy):
    name = "HAProxy, map set at run time"

    def switch(self, colour: str) -> None:
        self.choose(colour)
        told = http.client.HTTPConnection("localhost")
        told.sock = socket.socket(socket.AF_UNIX)
        told.sock.connect(str(self.folder / "control.sock"))
        told.request("PUT", f"/{colour}")
        assert told.getresponse().read() == colour.encode()
        told.close()


CANDIDATES: tuple[type[Proxy], ...] = (NginxReload, HaproxyReload, HaproxyMap)


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


# -- the load ---------------------------------------------------------------------------------------------------------


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


def percentile(values: list[float], rank: int) -> float:
    """In milliseconds; 0 where there are too few values."""
    return statistics.quantiles(values, n=100)[rank - 1] * 1000 if len(values) > 1 else 0.0


# -- this machine -----------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    end = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def tree(pid: int) -> list[int]:
    """A process and all that came of it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(inner for child in children for inner in tree(int(child)))]


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
