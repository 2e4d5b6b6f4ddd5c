"""Requests while versions come and go: none fails. WHOLE=1 sends the 50,000 of `make bench-host`."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

from scripts.bench.proxy import KEPT, Load, percentile
from tests.host.host import PORT, Host, Shop

WHOLE = bool(os.environ.get("WHOLE"))
DEPLOYS, ROLLBACKS = (10, 5) if WHOLE else (2, 1)
REQUESTS = 50_000 if WHOLE else 2_000
RATE = 200 if WHOLE else 100  # a second
NEAR = 1.0  # seconds around the end of a deployment in which a request counts as "during" it


def test_no_request_fails_while_versions_change(host: Host, shop: Shop) -> None:
    bundles = [host.publish(shop.docker(f"0.1.{number}-dev", keep=DEPLOYS + 2)) for number in range(DEPLOYS + 1)]
    assert host.deploy(bundles[0]).outcome == "healthy"
    load, switched = Load(PORT, RATE, host=host.machine.address, slow_path="/sleep/2"), list[float]()

    def change() -> None:
        for bundle in bundles[1:]:
            assert host.deploy(bundle).outcome == "healthy"
            switched.append(time.monotonic())
        for bundle in bundles[-2 : -2 - ROLLBACKS : -1]:
            assert host.rollback(bundle).outcome == "healthy"
            switched.append(time.monotonic())

    asyncio.run(send_while(load, change))
    print(f"{len(load.answers)} requests, {sum(load.failures.values())} failed {dict(load.failures)}")
    answers = {version.split()[-1] for _, _, version in load.answers}
    assert len(switched) == DEPLOYS + ROLLBACKS
    assert answers == {bundle.artifact for bundle in bundles}
    near = [taken for sent, taken, _ in load.answers if any(abs(sent - when) < NEAR for when in switched)]
    far = [taken for sent, taken, _ in load.answers if not any(abs(sent - when) < NEAR for when in switched)]
    print(f"p99 during a switch {percentile(near, 99):.1f} ms, between {percentile(far, 99):.1f} ms")
    assert not load.failures
    assert len(load.answers) >= REQUESTS


async def send_while(load: Load, change: Callable[[], None]) -> None:
    """A steady load (new and kept connections, a slow request always in flight) until `change` and the count end."""
    problems: list[BaseException] = []

    def guarded() -> None:
        try:
            change()
        except BaseException as problem:
            problems.append(problem)

    changing = threading.Thread(target=guarded)
    changing.start()
    load.idle += [await asyncio.open_connection(load.host, load.port) for _ in range(KEPT)]
    began, number, jobs = time.monotonic(), 0, set[asyncio.Task[None]]()
    while changing.is_alive() or (number < REQUESTS and not problems):
        await asyncio.sleep(max(0.0, began + number / load.rate - time.monotonic()))
        jobs.add(asyncio.create_task(load.ask("/", keep=number % 2 == 0)))
        if number % load.rate == 0:
            jobs.add(asyncio.create_task(load.ask(load.slow_path, keep=False)))
        number += 1
    await asyncio.gather(*jobs)
    for _, writer in load.idle:
        writer.close()
    changing.join()
    if problems:
        raise problems[0]
