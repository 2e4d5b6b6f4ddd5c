"""An AWS that machines reach: the sandbox's strict one on the session's bridge, and the real CLI to ask it with."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

from werkzeug.serving import make_server

from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.sandbox.aws import services
from tagship.sandbox.web import KeepAlive
from tests.contract import strict_aws
from tests.host.ground import ADMIN_PATH
from tests.host.host import BUCKET
from tests.sandbox.bundles import COMMIT, Bundle
from tests.sandbox.records import sealed

KEYS = {**strict_aws.world().keys.variables, "AWS_EC2_METADATA_DISABLED": "true"}


def real_cli() -> Path:
    """The AWS CLI of this machine, which every machine of the tests has at the same place."""
    found = shutil.which("aws", path=ADMIN_PATH)
    assert found, "the AWS CLI is missing: scripts/host_setup.sh installs it"
    return Path(found).resolve()


def program(url: str) -> str:
    """An `aws` that is the real one, with an endpoint and keys. (Older ones know no AWS_ENDPOINT_URL.)"""
    keys = " ".join(f"{name}={value}" for name, value in KEYS.items())
    return f'#!/bin/sh\n{keys} exec {real_cli()} --endpoint-url {url} "$@"\n'


def serve(address: str) -> str:
    """The strict AWS of this process on an address that machines reach, too; returns its URL."""
    aws = services.application(strict_aws.world().keys)
    server = make_server(address, 0, aws, threaded=True, request_handler=KeepAlive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{address}:{server.server_port}"


def put(bundle: Bundle) -> Bundle:
    """Publish an artifact: its objects with the metadata that says where they come from."""
    parts = {layout.BUNDLE: bundle.archive, layout.MANIFEST: bundle.manifest, layout.SIGNATURE: bundle.signature}
    for name, body in parts.items():
        if body is not None:
            _put(layout.artifact("hello", "dev", bundle.artifact, name), body)
    return bundle


def point(bundle: Bundle, fence: int) -> None:
    """What the last healthy deployment says that a host has to run."""
    deployment = f"20261120-155301-123456-{fence:06x}"
    said = Pointer("hello", "dev", bundle.artifact, bundle.manifest_sha256, deployment, fence)
    _put(layout.pointer("hello", "dev"), sealed(said.at(datetime.now(UTC)).as_data()))


def _put(key: str, body: bytes) -> None:
    bucket = strict_aws.bucket(BUCKET)
    strict_aws.aws().client("s3").put_object(Bucket=bucket, Key=key, Body=body, Metadata={"commit-sha": COMMIT})
