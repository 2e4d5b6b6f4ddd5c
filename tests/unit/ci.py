"""What the tests of CI's steps start from: one commit, its tag, and an App whose root is a folder of the test's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.app import FakeApp, settings
from tests.fakes.commits import FakeCommits
from tests.fakes.signing import WordSigner

COMMIT = "c0ffee" + "0" * 34
OTHER = "bada55" + "0" * 34
TREE = {
    "README.md": b"not shipped\n",
    "app/app.py": b"print('hello')\n",
    "app/run.sh": b"#!/bin/sh\n",
    "deploy/ec2_deploy.sh": b"#!/usr/bin/env bash\n",
    "deploy/host/entry.sh": b"#!/usr/bin/env bash\n",
    "deploy/host/health.sh": b"# health\n",
}
VERSION = "0.1.0-dev"


def ci_app(root: Path, *, tree: dict[str, bytes] | None = None, **changes: Any) -> FakeApp:
    """An App with 0.1.0-dev tagged at COMMIT on dev."""
    commits = FakeCommits({COMMIT: tree or TREE, OTHER: TREE}, branches={"dev": [COMMIT]}, head=COMMIT)
    commits.executable = ("deploy/ec2_deploy.sh", "deploy/host/entry.sh", "app/run.sh")
    commits.annotate(VERSION, COMMIT)
    bundle = {"include": ["app"], **changes.pop("bundle", {})}
    both = WordSigner()
    given = {"repository": commits}
    return FakeApp(settings(bundle=bundle, **changes), root=root, given=given, signer=both, verifier=both)


SEVERAL = {
    "api": {
        "repository": "r.example/api",
        "target": "app",
        "platform": "linux/amd64",
        "smoke": ["true"],
        "moving_tags": ["latest-{environment}"],
    },
    "worker": {"repository": "r.example/worker", "dockerfile": "worker/Dockerfile", "arguments": {"FLAVOUR": "slim"}},
}


def several_app(root: Path, images: Any) -> FakeApp:
    """An App whose dev runs a service of two images."""
    services = {"web": {"images": {"app": "api", "worker": "worker"}}}
    dev = {"branch": "dev", "ecs": {"cluster": "dev", "services": services}}
    app = ci_app(root, images=SEVERAL, environments={"dev": dev})
    app.given |= {"builder": images, "registry": images}
    return app
