"""A rollback on a real host beside the app's own start, and beside the way of the reference documents. Needs root.

    python -m scripts.bench.host [--times 5]

The app is examples/hello in a container, on a machine of the host tests (tests/host): real Docker, real systemd. A
rollback to a kept version runs with the registry and S3 gone. "Healthy" is when the app's port first answers as the
version that was asked for, seen from outside. The reference way is `docker pull`, edit the unit, `systemctl restart`;
its registry is up. A steady load runs all the while, and the requests that failed are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from scripts.bench.proxy import KEPT, Load
from tests.host.engine import Engine
from tests.host.ground import Ground, until
from tests.host.host import BUCKET, PORT, REPOSITORY, Host, Shop
from tests.host.registry import HOST, PASSWORD, Registry

RATE = 50  # requests a second
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
class Figures:
    """Seconds to healthy, the median, and the requests that failed of those sent meanwhile."""

    what: str
    seconds: float
    failed: int
    sent: int


def main() -> None:
    """Measure the three, and print them with their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    ground = Ground()
    try:
        ground.lay()
        registry = Registry(ground)
        registry.start()
        engine = Engine(ground, registry)
        engine.login()
        base = engine.python_base(f"{registry.address}/base/python:system")
        rows = list(_measured(ground, registry, Shop(engine, base), times))
    finally:
        if ground.folder.exists():
            ground.clear()
    for row in rows:
        print(f"{row.what:<52}{row.seconds:>8.2f} s{row.failed:>6} of {row.sent} requests failed")
    print(f"rollback beside the app's own start: {rows[1].seconds / rows[0].seconds:.2f} (target: at most 1.3)")


def _measured(ground: Ground, registry: Registry, shop: Shop, times: int) -> Iterator[Figures]:
    images = [f"{REPOSITORY}@{shop.image(version, {}).digest}" for version in VERSIONS]
    host = Host(ground, registry, "tagship").up()
    bundles = [host.publish(shop.docker(version)) for version in VERSIONS]
    for bundle in bundles:
        assert host.deploy(bundle).outcome == "healthy"
    yield own_start(host, images[0], times)
    shutil.rmtree(host.aws / "s3" / BUCKET)
    registry.stop()
    back = itertools.cycle(bundles)
    yield _changes("tagship: rollback, registry and S3 gone", host, times, lambda: host.rollback(next(back)))
    host.machine.down()
    registry.start()
    yield _reference(Host(ground, registry, "reference").up(), images, times)


def own_start(host: Host, image: str, times: int) -> Figures:
    """From `docker run` to the first healthy answer, with nothing of ours between."""
    taken = []
    for _ in range(times):
        began = time.monotonic()
        host.machine.check(f"docker run -d --name own --init -p 9090:{PORT} -e PORT={PORT} -e VERSION=own {image}")
        until(lambda: host.answers(9090) == "own", 20, "the app answers", pause=0.01)
        taken.append(time.monotonic() - began)
        host.machine.check("docker rm --force own")
    return Figures("the app's own start: docker run to healthy", statistics.median(taken), 0, 0)


def _reference(host: Host, images: list[str], times: int) -> Figures:
    host.machine.check(f"echo {PASSWORD} | docker login -u AWS --password-stdin {HOST}")
    unit = host.machine.root / "etc/systemd/system/hello.service"
    unit.write_text(UNIT.format(port=PORT, image=images[1]))
    host.machine.check(f"docker pull -q {images[1]}; systemctl daemon-reload; systemctl start hello")
    until(lambda: host.answers() == VERSIONS[1], 20, "the reference serves")
    back = itertools.cycle(images)

    def change() -> str:
        return host.machine.check(REFERENCE.format(image=next(back), repository=REPOSITORY))

    return _changes("reference: pull, edit the unit, restart", host, times, change)


def _changes(what: str, host: Host, times: int, change: Callable[[], object]) -> Figures:
    taken = []
    with traffic(host) as load:
        for version in itertools.islice(itertools.cycle(VERSIONS), times):
            began = time.monotonic()
            changing = threading.Thread(target=change)
            changing.start()
            until(partial(_answers, host, version), 60, f"{version} answers", pause=0.01)
            taken.append(time.monotonic() - began)
            changing.join()
    failed = sum(load.failures.values())
    return Figures(what, statistics.median(taken), failed, failed + len(load.answers))


def _answers(host: Host, version: str) -> bool:
    return host.answers() == version


@contextmanager
def traffic(host: Host) -> Iterator[Load]:
    """A steady load on a host, from before the first change to after the last."""
    load, done = Load(PORT, RATE, host=host.machine.address), threading.Event()

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


if __name__ == "__main__":
    main()
