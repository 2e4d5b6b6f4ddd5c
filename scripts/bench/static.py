"""A release of a static set, beside `aws s3 sync`: 5,000 files of which 50 changed, each as a program of its own.

`sync` compares sizes and times. So it is measured twice: with the times kept, where it lists everything and puts the
50, and after a checkout, where every file is newer than its object and all are put. Both ends are the sandbox's S3 over
HTTP, in this process. The CLI is the one of REAL_AWS or PATH.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.bench.ledger import BUCKET, _served
from scripts.bench.measure import TOP, Figure, in_turns, ratio, run
from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.site import AwsSite
from tagship.domain.content_types import content_type
from tagship.verbs.deploy import deploy
from tests.fakes.app import FakeApp, settings
from tests.fakes.site import publish_set

FILES, CHANGED, SIZE = 5000, 50, 2000  # bytes each
VERSIONS = ("0.1.0-dev", "0.1.1-dev")
OURS, THEIRS = "bench-site", "bench-sync"
HALF = 0.5
RULES = [
    {"match": "assets/*", "cache_control": "public, max-age=31536000, immutable"},
    {"match": "*.html", "cache_control": "no-cache"},
]
DEPLOY = "import sys; from scripts.bench.static import deployed; deployed(*sys.argv[1:])"


def static(folder: Path) -> list[Figure]:
    program = shutil.which(os.environ.get("REAL_AWS", "aws"))
    if not program:
        raise SystemExit(
            "static needs the AWS CLI: pip install -r scripts/lint/awscli.txt in an environment of its own"
        )
    aws, objects = _served()
    for bucket in (OURS, THEIRS):
        aws.client("s3").create_bucket(Bucket=bucket)
    sets = {version: _files(number) for number, version in enumerate(VERSIONS)}
    _publish(aws, sets)
    trees = {version: _tree(folder / version, files) for version, files in sets.items()}
    place = [aws.endpoint or "", *aws.keys]
    turn = _Turns()

    def ours() -> float:
        return run([sys.executable, "-c", DEPLOY, *place, turn.next("ours")], TOP)

    def theirs(fresh: bool) -> float:
        version = turn.next(_mode(fresh))
        _touch(trees[version], sets[version], fresh=fresh)
        keys = [f"AWS_ACCESS_KEY_ID={place[1]}", f"AWS_SECRET_ACCESS_KEY={place[2]}", "AWS_DEFAULT_REGION=us-east-1"]
        to = f"s3://{THEIRS}/{'fresh' if fresh else 'kept'}/"
        return run(
            ["env", *keys, program, "--endpoint-url", place[0], "s3", "sync", "--quiet", ".", to], trees[version]
        )

    run([sys.executable, "-c", DEPLOY, *place, VERSIONS[0]], TOP)
    for mode in (False, True):
        theirs(mode)
    took, kept, fresh = in_turns(2, ours, lambda: theirs(fresh=False), lambda: theirs(fresh=True))
    what = f"{CHANGED} of {FILES:,} files changed, beside aws s3 sync"
    right, wrong = _right(objects, OURS, ""), _right(objects, THEIRS, "fresh/")
    return [
        ratio("static", f"{what} with times kept", took, kept, HALF),
        ratio("static", f"{what} after a checkout", took, fresh, HALF),
        Figure("static", "files whose headers are right", f"{right:,}", f"{wrong:,}", f"{right:,} of {FILES:,}",
               "all", right == FILES),
    ]  # fmt: skip


def _mode(fresh: bool) -> str:
    return "fresh" if fresh else "kept"


class _Turns:
    """The version that each of the programs has next: one, the other, and so on."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, name: str) -> str:
        self._counts[name] = self._counts.get(name, 0) + 1
        first = 1 if name == "ours" else 0  # the first version is there before it is measured
        return VERSIONS[(self._counts[name] - 1 + first) % 2]


def _files(number: int) -> dict[str, bytes]:
    """A site: assets, pages and images; the last CHANGED differ by the version's number, and not in size."""
    source = random.Random(1)
    ends = ("assets/{}.js", "pages/{}.html", "images/{}.svg")
    made = {ends[at % 3].format(at): source.randbytes(SIZE // 2).hex().encode() for at in range(FILES)}
    for path in list(made)[-CHANGED:]:
        made[path] = made[path][:-1] + str(number).encode()
    return made


def _tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, body in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    return folder


def _touch(folder: Path, files: Mapping[str, bytes], *, fresh: bool) -> None:
    """Date what changed to now, or all of it; the rest is older than its object."""
    changed = set(list(files)[-CHANGED:])
    for path in files:
        os.utime(folder / path, None if fresh or path in changed else (1e9, 1e9))


def _app() -> FakeApp:
    static = {"site": {"directory": "public", "headers": RULES, "environments": {"dev": {"bucket": OURS}}}}
    return FakeApp(settings=settings(static=static))


def _publish(aws: Aws, sets: Mapping[str, Mapping[str, bytes]]) -> None:
    """Put both artifacts into the bucket."""
    app, store = _app(), S3Store(aws, BUCKET)
    for version, files in sets.items():
        app.publish(version)
        publish_set(app, version, files)
    for key, stored in app.store.objects.items():
        store.create(key, stored.body, stored.metadata)


def deployed(endpoint: str, access: str, secret: str, version: str) -> None:
    """Deploy a version: a program's whole work."""
    aws, app = Aws("us-east-1", endpoint, sandbox=True, keys=(access, secret)), _app()
    app.store = S3Store(aws, BUCKET)  # type: ignore[assignment]
    app.given["site dev site"] = AwsSite(aws, OURS)
    deploy(app, artifact=version)


def _right(objects: Any, bucket: str, prefix: str) -> int:
    """How many files have the type and the Cache-Control that the rules say."""
    static = _app().settings.static["site"]
    return sum(
        _headers(objects.get_object(bucket, f"{prefix}{path}")) == (content_type(path), static.cache_control(path))
        for path in _files(0)
    )


def _headers(stored: Any) -> tuple[str, str]:
    found = {name.lower(): value for name, value in stored.metadata.items()}
    return found.get("content-type", ""), found.get("cache-control", "")
