"""The sandbox's strict AWS in this process: one server for all contract tests, on a free port of loopback.

What it proves: conditions, checksums and metadata as S3 has them. What it does not: S3's limits on size and its
eventual 503s.
"""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path

from tagship.adapters.aws.session import Aws
from tagship.sandbox.world import World

REGION = "us-east-1"


@functools.cache
def world() -> World:
    """What the server acts on; it has no folder and no hosts."""
    from tagship.sandbox.aws import services

    made = World(Path("/nonexistent"), REGION)
    services.install(made)
    return made


@functools.cache
def url() -> str:
    """Start the server once; returns its address."""
    from tagship.sandbox import web
    from tagship.sandbox.aws import services

    listening = web.server(services.application(world().keys))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    world().url = f"http://127.0.0.1:{listening.server_port}"
    return world().url


@functools.cache
def aws() -> Aws:
    """The strict server's; or another one's at SECOND_AWS, for a second opinion."""
    if second := os.environ.get("SECOND_AWS"):
        return Aws(REGION, second, sandbox=True, keys=("second", "opinion"))
    return Aws(REGION, url(), sandbox=True, keys=(world().keys.access, world().keys.secret))


def put(bucket: str, key: str) -> None:
    """An empty object, without a request: for a thousand of them."""
    from moto.core import DEFAULT_ACCOUNT_ID  # type: ignore[attr-defined]
    from moto.s3.models import s3_backends

    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, b"")


def bucket(name: str) -> str:
    """An empty bucket of that name."""
    aws().client("s3").create_bucket(Bucket=name)
    return name
