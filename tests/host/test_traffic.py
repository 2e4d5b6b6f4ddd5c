"""Requests while versions come and go: none fails. WHOLE=1 sends the 50,000 of `make bench-host`, CI a tenth.

The changes are spread over the requests. A switch is when the new version first answers: what comes before it (pull,
start, health) and after it (drain, stop, the next container made) is the rest of a change.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from scripts.bench.load import KEPT, Answer, Load, percentile
from tests.host.ground import until
from tests.host.host import PORT, Host, Shop
from tests.sandbox.bundles import Bundle

WHOLE = bool(os.environ.get("WHOLE"))
DEPLOYS, ROLLBACKS = (10, 5) if WHOLE else (2, 1)
REQUESTS = 50_000 if WHOLE else 5_000
RATE = 200  # a second
NEAR = 0.5  # seconds before and after a switch in which a request counts as "during" it
SLICE = REQUESTS // (DEPLOYS + ROLLBACKS)  # requests, in the first third of which nothing changes


class Change(NamedTuple):
    """One version in place of another: when it was ordered and over, and how many requests had been sent by then."""

    old: str
    new: str
    ordered: float
    over: float
    asked: int

    def switched(self, answers: Sequence[Answer]) -> float:
        """When the first request was sent that the new version answered."""
        return min(one.sent for one in answers if one.sent >= self.ordered and version(one) == self.new)


def version(answer: Answer) -> str:
    return answer.body.split()[-1]


def test_no_request_fails_while_versions_change(host: Host, shop: Shop, figure: Callable[[str], None]) -> None:
    bundles = [host.publish(shop.docker(f"0.1.{number}-dev", keep=DEPLOYS + 2)) for number in range(DEPLOYS + 1)]
    assert host.deploy(bundles[0]).outcome == "healthy"
    load, changes = Load(PORT, RATE, host=host.machine.address, slow_path="/sleep/2"), list[Change]()
    asyncio.run(send_while(load, lambda: change_all(host, load, bundles, changes)))
    switches = [change.switched(load.answers) for change in changes]
    figure(report(load, changes, switches))
    assert not load.failures
    assert len(load.answers) >= REQUESTS
    assert {version(one) for one in load.answers} == {bundle.artifact for bundle in bundles}
    assert [change.asked // SLICE for change in changes] == list(range(DEPLOYS + ROLLBACKS))
    idle = [each for each in zip(changes, switches, strict=True) if not in_flight(load, *each)]
    assert len(idle) <= len(changes) // 3, idle  # on a busy machine a slow request may miss a switch


def change_all(host: Host, load: Load, bundles: Sequence[Bundle], changes: list[Change]) -> None:
    """Each bundle after the first is deployed, then the way is gone back; each when its slice of the requests comes."""
    orders = [("deploy", bundle) for bundle in bundles[1:]]
    orders += [("rollback", bundle) for bundle in bundles[-2 : -2 - ROLLBACKS : -1]]
    serving = bundles[0].artifact
    for number, (action, bundle) in enumerate(orders):
        turn = SLICE * number + SLICE // 3
        until(lambda turn=turn: load.asked >= turn, 120, f"{turn} requests are sent")  # type: ignore[misc]
        ordered, asked = time.monotonic(), load.asked
        answer = host.run(host.order(action, bundle))
        assert answer.outcome == "healthy", answer.output
        changes.append(Change(serving, bundle.artifact, ordered, time.monotonic(), asked))
        serving = bundle.artifact


def in_flight(load: Load, change: Change, switch: float) -> int:
    """How many requests of two seconds were under way at a switch, and were answered by the old version."""
    return sum(one.sent < switch < one.sent + one.seconds and version(one) == change.old for one in load.slow)


def report(load: Load, changes: Sequence[Change], switches: Sequence[float]) -> str:
    """The requests, and their latency during the switches beside that of the rest."""
    times: dict[str, list[float]] = {"during switches": [], "the rest of the changes": [], "between changes": []}
    for one in load.answers:
        near = any(abs(one.sent - switch) < NEAR for switch in switches)
        changing = any(change.ordered <= one.sent <= change.over for change in changes)
        times[list(times)[0 if near else 1 if changing else 2]].append(one.seconds)
    kept = sum(one.kept for one in load.answers)
    crossing = [in_flight(load, *each) for each in zip(changes, switches, strict=True)]
    slow, fast, failed = len(load.slow), len(load.answers), sum(load.failures.values())
    lines = [
        f"traffic: {fast:,} requests and {slow} of 2 seconds, {failed} failed {dict(load.failures) or ''}".rstrip(),
        f"{kept:,} of them on kept connections, {fast - kept:,} on new ones",
        f"{len(changes)} changes, ordered after {', '.join(f'{one.asked:,}' for one in changes)} requests",
        f"2-second requests in flight at each switch: {' '.join(map(str, crossing))}",
        f"{'':<25}{'requests':>10}{'p50':>11}{'p99':>11}{'max':>11}",
    ]
    for name, taken in times.items():
        cells = (percentile(taken, 50), percentile(taken, 99), max(taken, default=0) * 1000)
        lines.append(f"{name:<25}{len(taken):>10,}" + "".join(f"{each:>8.1f} ms" for each in cells))
    return "\n".join(lines)


async def send_while(load: Load, change: Callable[[], None]) -> None:
    """A steady load (new and kept connections, slow requests always in flight) until `change` and the count end."""
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
