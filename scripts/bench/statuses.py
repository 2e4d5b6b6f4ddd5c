"""`inv status` of many environments at once, beside the slowest single answer, and within AWS's limits of requests.

20 environments: 10 of 50 hosts each, 5 of 4 services each, 5 of 10 functions each. Simulated is what answers: each
question to a target takes the time that AWS takes, and each read of the bucket too. What is measured is tagship's: what
is asked at the same time, and how often. Lambda's own limit of requests, which fifty functions meet, is played in
tests/kinds/test_status_limits.py.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.bench.measure import Figure, seconds

HOSTS, SERVICES, FUNCTIONS = 500, 20, 50
KINDS = {"hosts": (10, HOSTS), "services": (5, SERVICES), "functions": (5, FUNCTIONS)}  # environments, units in all
BUCKET = 0.03  # seconds of a read of S3
ANSWERS = {"hosts": 1.5, "services": 0.4, "functions": 0.3}  # seconds until the units of an environment have answered
LIMIT = 3.0  # times the slowest answer
S3_LIMIT = 5500  # reads a second and prefix (S3 User Guide, Optimizing performance)


@dataclass
class Meter:
    """Counts what is asked, and when."""

    calls: Counter[str] = field(default_factory=Counter)
    times: deque[float] = field(default_factory=deque)
    lock: Any = field(default_factory=threading.Lock)

    def note(self, name: str, wait: float) -> None:
        with self.lock:
            self.calls[name] += 1
            if name == "bucket":
                self.times.append(time.monotonic())
        time.sleep(wait)

    @property
    def busiest(self) -> int:
        """The most reads of the bucket within one second."""
        stamps = list(self.times)
        return max((sum(1 for other in stamps if at <= other < at + 1) for at in stamps), default=0)


def statuses(folder: Path) -> list[Figure]:  # noqa: ARG001 (nothing is written)
    """Measure `status` of all environments, and of the slowest alone."""
    from tagship.verbs.status import status

    with many() as (app, meter):
        slowest = max(
            _took(lambda name=name: status(app, env=name)) for name in ("hosts-0", "services-0", "functions-0")
        )
        meter.calls.clear()
        meter.times.clear()
        took = _took(lambda: status(app))
    asked = sum(meter.calls[kind] for kind in KINDS)
    units, ratio = HOSTS + SERVICES + FUNCTIONS, took / slowest
    environments = sum(count for count, _ in KINDS.values())
    where = f"{environments} environments, {units} units"
    return [
        Figure(
            "status",
            "all at once",
            seconds(took),
            f"{seconds(slowest)}, the slowest alone",
            f"{ratio:.2f} x",
            f"≤ {LIMIT:.0f} x",
            ratio <= LIMIT,
        ),
        Figure(
            "status",
            "questions to targets",
            f"{asked}",
            where,
            f"{asked / environments:.1f} an environment",
            "≤ 1",
            asked <= environments,
        ),
        Figure(
            "status",
            "reads of the bucket",
            f"{meter.busiest} in the busiest second",
            where,
            f"{meter.busiest}",
            f"≤ {S3_LIMIT}",
            meter.busiest <= S3_LIMIT,
        ),
    ]


def _took(act: Any) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


@contextmanager
def many() -> Iterator[tuple[Any, Meter]]:
    """An app with many environments, in each of which a version is healthy."""
    from tagship.verbs.deploy import deploy
    from tests.fakes.app import VALUES, FakeApp, settings
    from tests.fakes.target import FakeTarget, machine

    dev, meter = VALUES["environments"]["dev"], Meter()
    names = [f"{kind}-{number}" for kind, (count, _) in KINDS.items() for number in range(count)]
    app = FakeApp(
        settings=settings(environments={name: {**dev, "suffix": f"e{place}"} for place, name in enumerate(names)})
    )
    targets = {name: FakeTarget([machine(f"{name}-{unit}") for unit in range(1, _units(name) + 1)]) for name in names}
    for target in targets.values():
        target.rules = app.settings.environment(names[0]).target.rules
    app.target = targets.__getitem__  # type: ignore[method-assign, assignment]
    for place, name in enumerate(names):
        version = f"0.1.0-e{place}"
        app.publish(version, environment=name)
        deploy(app, artifact=version, env=name)
    for name, target in targets.items():
        _slowed(target, meter, name.partition("-")[0])
    for port, methods in ((app.ledger, ("deployments", "marks")), (app.leases, ("look",)), (app.freezes, ("look",))):
        for method in methods:
            _counted(port, method, meter)
    yield app, meter


def _units(name: str) -> int:
    count, units = KINDS[name.partition("-")[0]]
    return units // count


def _slowed(target: Any, meter: Meter, kind: str) -> None:
    observe = target.observe

    def answered(units: Sequence[Any], tick: Any) -> Any:
        meter.note(kind, ANSWERS[kind])
        return observe(units, tick)

    target.observe = answered


def _counted(port: Any, name: str, meter: Meter) -> None:
    read = getattr(port, name)

    def counted(*args: Any, **given: Any) -> Any:
        meter.note("bucket", BUCKET)
        return read(*args, **given)

    setattr(port, name, counted)
