"""A ledger of 10,000 deployments, read over HTTP from the sandbox's strict S3: with its index, and without one.

Filled behind S3's back, since 30,000 puts prove nothing here; read as any verb reads it. The server shares this
process, so seconds say little but beside each other; the number of S3 calls is what an account sees.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.bench.measure import Figure, seconds
from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.bucket.ledger import StoredLedger
from tagship.domain import layout
from tagship.domain.deployment import Deployment, Entry
from tagship.ports.bucket import Object

DEPLOYMENTS = 10_000
BUCKET = "bench-ledger"
RECENT = 12  # as many as a deploy looks at
MOST = {0: 300, RECENT: 45}  # S3 calls with the index: 31 pages and 200 segments; two listings and the latest bodies


def ledger(_folder: Path) -> list[Figure]:
    aws, objects = _served()
    _fill(objects)
    store = S3Store(aws, BUCKET)
    calls = _counting(aws)
    plain = {limit: _read(store, limit, calls) for limit in MOST}
    StoredLedger(Behind(aws, BUCKET, objects=objects), "hello").rebuild_index("dev")
    indexed = {limit: _read(store, limit, calls) for limit in MOST}
    return [_figure(limit, plain[limit], indexed[limit]) for limit in MOST]


@dataclass(frozen=True)
class Reading:
    seconds: float
    calls: int
    deployments: Sequence[Deployment]


def _figure(limit: int, plain: Reading, indexed: Reading) -> Figure:
    assert plain.deployments == indexed.deployments
    what = f"the latest {limit} of {DEPLOYMENTS:,}" if limit else f"all {DEPLOYMENTS:,} deployments"
    return Figure(
        "ledger",
        f"{what}, with the index, beside without",
        f"{seconds(indexed.seconds)}, {indexed.calls:,} calls",
        f"{seconds(plain.seconds)}, {plain.calls:,} calls",
        f"{indexed.calls / plain.calls:.3f} x the calls",
        f"≤ {MOST[limit]} calls",
        indexed.calls <= MOST[limit],
    )


def _read(store: S3Store, limit: int, calls: list[str]) -> Reading:
    calls.clear()
    began = time.perf_counter()
    found = StoredLedger(store, "hello").deployments("dev", limit)
    return Reading(time.perf_counter() - began, len(calls), found)


# -- the server, and what is behind it ---------------------------------------------------------------------------------


def _served() -> tuple[Aws, Any]:
    """The strict S3 on a port of its own, with an empty bucket; and the moto backend that keeps its objects."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    from tagship.sandbox import web
    from tagship.sandbox.aws import s3, services
    from tagship.sandbox.world import World

    world = World(Path("/nonexistent"), "us-east-1")
    s3.install(world)
    listening = web.server(services.application(world.keys))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    keys = (world.keys.access, world.keys.secret)
    aws = Aws("us-east-1", f"http://127.0.0.1:{listening.server_port}", sandbox=True, keys=keys)
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return aws, s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _fill(objects: Any) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(DEPLOYMENTS):
        began = at + timedelta(minutes=45 * number)
        for entry in _entries(f"{began:%Y%m%d-%H%M%S}-{number % 1_000_000:06d}-{number:06x}", number, began):
            key = layout.ledger_entry("hello", "dev", entry.deployment_id, entry.number, entry.state)
            objects.put_object(BUCKET, key, entry.to_json())


def _entries(deployment_id: str, number: int, at: datetime) -> list[Entry]:
    """What a deployment to two hosts leaves."""
    artifact, before = f"0.{number // 100}.{number % 100}-dev", f"0.{(number - 1) // 100}.{(number - 1) % 100}-dev"
    hosts = [
        {
            "unit": f"i-{one:017x}",
            "outcome": "healthy",
            "artifact_id": artifact,
            "serving": artifact,
            "previous": before,
            "reason": "",
            "durations": {"fetch": 1, "start": 2, "health": 3, "switch": 0, "total": 6},
            "health": {"attempts": 3, "answer": '{"status": "ok"}'},
        }
        for one in range(2)
    ]
    first = Entry(
        deployment_id,
        1,
        "requested",
        at.isoformat(timespec="milliseconds"),
        "hello",
        "dev",
        "deploy",
        artifact,
        "run 17951931757 (grace)",
        "https://github.com/octo/hello/actions/runs/17951931757",
        before,
        number,
    )
    started = replace(first, number=2, state="started", details={"operations": [f"c-{number}"]})
    healthy = replace(first, number=3, state="healthy", details={"units": hosts, "seconds": 6.5})
    return [first, started, healthy]


@dataclass(frozen=True)
class Behind(S3Store):
    """Bodies straight from the backend: building the index is not what is measured."""

    objects: Any = field(default=None)

    def get(self, key: str) -> Object | None:
        found = self.objects.get_object(BUCKET, key)
        now = datetime.now(UTC)
        return Object(key, found.etag, found.size, now, now, body=found.value) if found else None


def _counting(aws: Aws) -> list[str]:
    """The operations that are asked of S3 from now on."""
    calls: list[str] = []
    events = aws.client("s3").meta.events
    events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    return calls
