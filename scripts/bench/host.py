"""A rollback on a real host beside the app's own start, and beside the way of the reference documents. Needs root.

    python -m scripts.bench host       (make bench-host; TIMES=20 for more rounds)

The app is examples/hello in a container, on a machine of the host tests (tests/host): real Docker, real systemd. A
rollback to a kept version runs with the registry and S3 gone. "Healthy" is when the app's port first answers as the
version that was asked for, seen from outside. The app's own start, a rollback and the reference way take turns, so that
a busy moment of the machine falls on all, and in each what serves is asked as often. The reference way is `docker
pull`, edit the unit, `systemctl restart`; its registry is up. A steady load runs on what serves in
all three, and the requests that failed are counted.

What a rollback does besides starting the app (verify what is kept, start a unit, two good answers, switch, one more
answer through the proxy) takes the same time for every app: the row of it says how long. The ratio is that of an app
that starts as fast as hello does.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scripts.bench.load import KEPT, Load
from scripts.bench.measure import Figure, seconds
from tests.host.engine import Engine
from tests.host.ground import Ground, until
from tests.host.host import BUCKET, PORT, REPOSITORY, Host, Shop
from tests.host.registry import HOST, PASSWORD, Registry

RATE = 50  # requests a second
LOOK = 0.005  # seconds between two looks at what answers
TIMES = int(os.environ.get("TIMES", "9"))
VERSIONS = ("0.1.0-dev", "0.1.1-dev")
UNIT = """\
[Service]
ExecStartPre=-/usr/bin/docker rm --force hello
ExecStart=/usr/bin/docker run --name hello --init -p {port}:{port} -e PORT={port} {image}
ExecStop=/usr/bin/docker stop hello
"""
REFERENCE = """\
docker pull -q {image}
sed -i 's|{repository}@.*|{image}|' /etc/systemd/system/hello.service
systemctl daemon-reload
systemctl restart hello
"""


@dataclass
class Taken:
    """Seconds to healthy, one by one, and the load that ran meanwhile."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    sent: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{seconds(self.median)} (least {seconds(min(self.seconds))})"


def host(_folder: Path) -> list[Figure]:
    """Measure the three on machines, which have folders of their own."""
    ground = Ground()
    try:
        ground.lay()
        registry = Registry(ground)
        registry.start()
        engine = Engine(ground, registry)
        engine.login()
        base = engine.python_base(f"{registry.address}/base/python:system")
        own, back, reference = _measured(ground, registry, Shop(engine, base))
    finally:
        if ground.folder.exists():
            ground.clear()
    return _figures(own, back, reference)


def _figures(own: Taken, back: Taken, reference: Taken) -> list[Figure]:
    def beside(what: str, other: Taken, target: float) -> Figure:
        found = back.median / other.median
        return Figure("host", what, str(back), str(other), f"{found:.2f} x", f"≤ {target} x", found <= target)

    def lost(what: str, taken: Taken, most: int) -> Figure:
        told = f"{taken.failed} of {taken.sent}"
        return Figure(
            "host", what, told, "", f"{taken.failed} failed", f"≤ {most}" if most == 0 else "", taken.failed <= most
        )

    besides = statistics.median(one - other for one, other in zip(back.seconds, own.seconds, strict=True))
    return [
        Figure("host", "a rollback, less the app's own start", seconds(besides), "", "", "", True),
        beside("rollback to healthy, registry and S3 gone, beside the app's own start", own, 1.3),
        beside("the same, beside pull, edit the unit, restart", reference, 1.0),
        lost("requests failed during rollbacks", back, 0),
        lost("requests failed during the reference's restarts", reference, sys.maxsize),
    ]


def _measured(ground: Ground, registry: Registry, shop: Shop) -> tuple[Taken, Taken, Taken]:
    images = [f"{REPOSITORY}@{shop.image(version, {}).digest}" for version in VERSIONS]
    ours = Host(ground, registry, "tagship").up()
    bundles = [ours.publish(shop.docker(version)) for version in VERSIONS]
    for bundle in bundles:
        assert ours.deploy(bundle).outcome == "healthy"
    theirs = _reference(Host(ground, registry, "reference").up(), images)
    shutil.rmtree(ours.aws / "s3" / BUCKET)
    own, back, reference = Taken(), Taken(), Taken()
    for number in range(TIMES):
        with traffic(ours):  # as during a rollback
            own.seconds.append(_own_start(ours, images[0]))
        registry.stop()
        _change(back, ours, VERSIONS[number % 2], partial(ours.rollback, bundles[number % 2]))
        registry.start()
        restart = REFERENCE.format(image=images[number % 2], repository=REPOSITORY)
        _change(reference, theirs, VERSIONS[number % 2], partial(theirs.machine.check, restart))
    return own, back, reference


def _own_start(on: Host, image: str) -> float:
    """From `docker run` to the first healthy answer, with nothing of ours between."""
    began = time.monotonic()
    on.machine.check(f"docker run -d --name own --init -p 9090:{PORT} -e PORT={PORT} -e VERSION=own {image}")
    until(lambda: on.answers(PORT) != "" and on.answers(9090) == "own", 20, "the app answers", pause=LOOK)
    taken = time.monotonic() - began
    on.machine.check("docker rm --force own")
    return taken


def _reference(on: Host, images: list[str]) -> Host:
    """A host of the reference documents' kind: one unit, one container."""
    on.machine.check(f"echo {PASSWORD} | docker login -u AWS --password-stdin {HOST}")
    unit = on.machine.root / "etc/systemd/system/hello.service"
    unit.write_text(UNIT.format(port=PORT, image=images[1]))
    on.machine.check(f"docker pull -q {images[1]}; systemctl daemon-reload; systemctl start hello")
    until(lambda: on.answers() == VERSIONS[1], 20, "the reference serves")
    return on


def _change(taken: Taken, on: Host, version: str, change: Callable[[], object]) -> None:
    with traffic(on) as load:
        began = time.monotonic()
        changing = threading.Thread(target=change)
        changing.start()
        until(lambda: on.answers() == version, 60, f"{version} answers", pause=LOOK)
        taken.seconds.append(time.monotonic() - began)
        changing.join()
    failed = sum(load.failures.values())
    taken.failed += failed
    taken.sent += failed + len(load.answers)


@contextmanager
def traffic(on: Host) -> Iterator[Load]:
    """A steady load on a host, from before the first change to after the last."""
    load, done = Load(PORT, RATE, host=on.machine.address), threading.Event()

    async def send() -> None:
        load.idle += [await asyncio.open_connection(load.host, load.port) for _ in range(KEPT)]
        jobs = set[asyncio.Task[None]]()
        for number in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
            jobs.add(asyncio.create_task(load.ask("/", keep=number % 2 == 0)))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*jobs)

    sending = threading.Thread(target=lambda: asyncio.run(send()))
    sending.start()
    try:
        yield load
    finally:
        done.set()
        sending.join()
