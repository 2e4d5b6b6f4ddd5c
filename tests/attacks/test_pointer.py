"""Whoever can write to the bucket does not choose what a host that boots starts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.adapters.targets.ec2.pointer import StoredPointer
from tagship.domain import layout
from tagship.domain.ec2.pointer import PLACED_WITHIN, Pointer
from tagship.domain.keys import pinned
from tagship.domain.sealed import canonical, seal
from tests.fakes.app import FakeApp
from tests.fakes.signing import WordSigner
from tests.sandbox import keyring
from tests.sandbox.bundles import ROOT, Bundle, make
from tests.sandbox.imds import Imds, serving
from tests.sandbox.machine import ENTRY, Machine, machine
from tests.sandbox.records import EVIL, sealed

OLD, NEW = "0.1.1-dev", "0.1.2-dev"
KEY = layout.pointer("hello", "dev")
AWS = r"""#!/bin/sh
# `aws s3 cp`, `s3api get-object` and `head-object` out of a folder; an object's time is its file's.
root=$TAGSHIP_TEST_BUCKET
case "$1 $2" in
's3 cp') from=$root/${3#s3://hello-artifacts/} to=$4 ;;
's3api get-object') from=$root/$6 to=$7 ;;
's3api head-object') from=$root/$6 to='' ;;
*) exit 2 ;;
esac
[ -f "$from" ] || { echo 'An error occurred (404): Not Found' >&2; exit 1; }
[ -z "$to" ] || cp "$from" "$to" || exit
date -u -r "$from" '+  "ContentLength": 9,%n  "LastModified": "%Y-%m-%dT%H:%M:%S+00:00",'
"""
FORGED_KEYS = {"nobody's": None, "another key": EVIL}


@pytest.fixture(scope="module")
def imds() -> Iterator[Imds]:
    with serving() as service:
        yield service


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host that boots for the first time; OLD and NEW are signed and in the bucket."""
    with machine(tmp_path) as one:
        one.tool("aws", AWS)
        for name in (OLD, NEW):
            make(name).put(one.bucket)
        yield one


def point(host: Machine, raw: bytes, put: datetime | None = None) -> None:
    """Whoever may write there writes a pointer; `put` is when S3 says that it was."""
    path = host.bucket / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    if put:
        subprocess.run(["touch", "-d", put.isoformat(), str(path)], check=True)


def to(bundle: Bundle, *, fence: int = 7, issued: datetime | None = None, **changes: str) -> dict[str, object]:
    pointer = Pointer("hello", "dev", bundle.artifact, bundle.manifest_sha256, "d-1", fence)
    return {**pointer.at(issued or datetime.now(UTC)).as_data(), **changes}


def boot(host: Machine, imds: Imds, keys: str = "") -> tuple[int, str]:
    """Run user data as cloud-init does."""
    script = host.root / "user-data"
    shutil.copy(ROOT / "deploy/user_data.sh", script)
    header = {
        "APP": "hello",
        "ENVIRONMENT": "dev",
        "DEPLOYMENT_BUCKET": "hello-artifacts",
        "REGION": "us-east-1",
        "ENTRY": ENTRY,
        "KEYS": keys,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
        "TAGSHIP_PAUSE": "0",
    }
    done = subprocess.run(
        ["bash", str(script)], env=host.environment(header), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def serves(host: Machine) -> str:
    return str(json.loads((host.base / "state.json").read_text())["serving"])


@pytest.mark.parametrize("key", FORGED_KEYS)
def test_a_forged_pointer_starts_nothing(host: Machine, imds: Imds, key: str) -> None:
    signer = FORGED_KEYS[key]
    point(host, sealed(to(make(OLD)), signer) if signer else canonical(to(make(OLD))))
    code, said = boot(host, imds)
    assert code == 5
    assert "error: the pointer of dev is not signed for this host" in said
    assert not (host.base / "state.json").exists()


def test_a_pointer_of_another_environment_starts_nothing(host: Machine, imds: Imds) -> None:
    point(host, sealed(to(make(OLD), environment="prod")))
    code, said = boot(host, imds)
    assert (code, "not signed for this host" in said) == (5, True)


def test_an_old_pointer_that_is_put_back_starts_nothing(host: Machine, imds: Imds) -> None:
    then = datetime.now(UTC) - PLACED_WITHIN - timedelta(minutes=5)
    point(host, sealed(to(make(OLD), issued=then)))
    code, said = boot(host, imds)
    assert code == 5
    assert "the pointer of dev names 0.1.1-dev and is an old one: it expired at" in said
    assert not (host.base / "state.json").exists()


def test_a_host_that_boots_a_year_after_the_last_deployment_starts_what_that_was(host: Machine, imds: Imds) -> None:
    """Were it refused, an Auto Scaling group could not grow: the expiry is for who puts it there."""
    then = datetime.now(UTC) - timedelta(days=365)
    point(host, sealed(to(make(NEW), issued=then)), then)
    code, said = boot(host, imds)
    assert code == 0, said
    assert serves(host) == NEW


def test_an_old_pointer_does_not_set_a_host_back_that_has_heard_of_a_later_one(host: Machine, imds: Imds) -> None:
    point(host, sealed(to(make(NEW), fence=9)))
    assert boot(host, imds)[0] == 0
    point(host, sealed(to(make(OLD), fence=8)))
    code, said = boot(host, imds)
    assert (code, serves(host)) == (4, NEW), said


def test_a_person_moves_the_pointer_to_what_ci_signed_and_to_nothing_else(host: Machine, imds: Imds) -> None:
    """The key for orders signs pointers alone, and the one for releases none."""
    keys = pinned([keyring.pem("ci's")], [keyring.pem("people's")])
    forged, good = keyring.signed(OLD, "people's"), keyring.signed(NEW, "ci's")
    for bundle in (forged, good):
        bundle.put(host.bucket)
    for bundle, name, said in (
        (good, "ci's", "the pointer of dev is not signed for this host"),
        (forged, "people's", "which is no key pinned on this host"),
    ):
        point(host, sealed(to(bundle, key=keyring.id_of(name)), keyring.key(name)))
        code, output = boot(host, imds, keys)
        assert (code, said in output) == (5, True), output
        assert not (host.base / "state.json").exists()
    point(host, sealed(to(good, key=keyring.id_of("people's"), fence=8), keyring.key("people's")))
    assert boot(host, imds, keys)[0] == 0
    assert serves(host) == NEW


WRITTEN = Pointer("hello", "dev", NEW, "ab" * 32, "d-1", 7)


@pytest.fixture
def app() -> FakeApp:
    app = FakeApp()
    StoredPointer(app, "dev").point(WRITTEN)
    app.clock.advance(PLACED_WITHIN.total_seconds() + 60)
    return app


def write(app: FakeApp, raw: bytes) -> None:
    app.store.replace(KEY, raw, app.store.objects[KEY].etag)


def test_a_forged_pointer_is_noticed_by_status_and_by_the_next_deployment(app: FakeApp) -> None:
    forged = replace(WRITTEN, artifact=OLD, fence=99).at(app.clock.now()).as_data()
    for raw in (canonical(forged), seal(forged, WordSigner("evil").sign)):
        write(app, raw)
        assert StoredPointer(app, "dev").uncommitted(NEW)
        app.screen.warnings.clear()
        StoredPointer(app, "dev").point(replace(WRITTEN, fence=8))
        assert "No deployment wrote that" in app.screen.text
        assert StoredPointer(app, "dev").uncommitted(NEW) == ""


def test_an_old_pointer_that_is_put_back_is_noticed_by_status_and_by_the_next_deployment(app: FakeApp) -> None:
    old = app.store.objects[KEY].body
    StoredPointer(app, "dev").point(replace(WRITTEN, artifact="0.1.3-dev", fence=8))
    write(app, old)
    assert "is an old one that names 0.1.2-dev" in StoredPointer(app, "dev").uncommitted("0.1.3-dev")
    StoredPointer(app, "dev").point(replace(WRITTEN, artifact="0.1.3-dev", fence=9))
    assert "is an old one that names 0.1.2-dev" in app.screen.text
    assert StoredPointer(app, "dev").uncommitted("0.1.3-dev") == ""
