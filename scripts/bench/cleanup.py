"""A cleanup of old artifacts, beside a process a key, as `aws s3 rm` is: both over HTTP to the sandbox's S3.

The process is Python with boto3, which deletes one key and ends: less than the CLI does, so that the CLI is no quicker.
It is measured on SINGLE keys and scaled. The server shares this process: what a request costs is the sandbox's, which
goes through all keys for each page. Memory is that of a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from scripts.bench.ledger import _counting, _served
from scripts.bench.measure import Figure, largest, seconds
from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.domain import layout
from tagship.domain.retention import Policy, Retention, Use
from tagship.engine.sweep import Sweep
from tests.fakes.app import FakeApp

ARTIFACTS, SINGLE = 20_000, 500  # artifacts of five objects each; keys that are deleted one by one
NAMES = (layout.BUNDLE, layout.SIGNATURE, layout.PROVENANCE, layout.SBOM, layout.MANIFEST)
BUCKET = "bench-ledger"
FASTER, MEMORY = 20, 150  # times; MB


def cleanup(_folder: Path) -> list[Figure]:
    aws, objects = _served()
    for number in range(ARTIFACTS):
        for name in NAMES:
            objects.put_object(BUCKET, layout.artifact("hello", "dev", f"0.{number}.0-dev", name), b"")
    for number in range(SINGLE):
        objects.put_object(BUCKET, f"single/{number}", b"")
    store = S3Store(aws, BUCKET)
    began = time.perf_counter()
    for number in range(SINGLE):
        _process(aws, f"single/{number}")
    keys = ARTIFACTS * len(NAMES)
    single = (time.perf_counter() - began) / SINGLE * keys
    calls = _counting(aws)
    peak = _memory(aws)
    took = _swept(store)
    most = 2 * -(-keys // 1000) + 1
    what = f"{keys:,} objects that go"
    return [
        Figure("cleanup", f"{what}, beside a process a key ({SINGLE} of them, scaled)", seconds(took), seconds(single),
               f"{single / took:.0f} x faster", f"≥ {FASTER} x", single / took >= FASTER),
        Figure("cleanup", f"requests for {what}", f"{len(calls)}", f"{keys:,}", f"{len(calls)}", f"≤ {most}",
               len(calls) <= most),
        Figure("cleanup", f"memory for {what}", f"{peak:.0f} MB", "", f"{peak:.0f} MB", f"≤ {MEMORY} MB",
               peak <= MEMORY),
    ]  # fmt: skip


def _process(aws: Aws, key: str) -> None:
    """Delete one key in a process of its own."""
    keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), aws.keys, strict=True))
    client = f"boto3.client('s3', endpoint_url={aws.endpoint!r}, region_name='us-east-1', **{keys!r})"
    code = f"import boto3; {client}.delete_object(Bucket={BUCKET!r}, Key={key!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def _sweep(store: S3Store) -> Sweep:
    app, now = FakeApp(), store.now()
    app.store = store  # type: ignore[assignment]
    retention = Retention.of(Use([]), Policy(0, 0), now.replace(year=now.year + 1))
    return Sweep(app, "dev", Use([]), retention, lambda *_: None)


def _memory(aws: Aws) -> float:
    """The most memory of a process that judges everything and deletes nothing, in MB: all of it, Python's own too."""
    code = f"from scripts.bench.cleanup import judge; judge({aws.endpoint!r}, {aws.keys!r})"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(said)


def judge(endpoint: str, keys: tuple[str, str]) -> None:
    """Sweep as a dry run; print this process's largest size in MB."""
    _sweep(S3Store(Aws("us-east-1", endpoint, sandbox=True, keys=keys), BUCKET)).run(dry_run=True)
    print(largest())


def _swept(store: S3Store) -> float:
    """Seconds of a sweep."""
    sweep = _sweep(store)
    began = time.perf_counter()
    sweep.run(dry_run=False)
    took = time.perf_counter() - began
    assert sweep.deleted == ARTIFACTS * len(NAMES)
    return took
