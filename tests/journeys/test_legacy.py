"""An environment goes back to an archive that a team's own pipeline had made, on a host of the sandbox."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.engine.trail import require_as_written
from tagship.sandbox import lifecycle
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.shop import HERE, Shop
from tests.spelled import by_inv

TAGSHIP = str(Path(sys.executable).with_name("tagship"))
OLD = "1.2.3-a"
HEAD = 'legacy_keys = ["{app}/{tag}/{app}-{tag}.tar.gz"]\n' + shop.HEAD


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> object:
    root = shop.make(tmp_path_factory.mktemp("legacy"), ["a"], head=HEAD)
    yield Shop(root, start(root, hosts=2), "a")
    lifecycle.down(root)


def typed(here: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAGSHIP, *words], cwd=here.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def archive() -> bytes:
    """What the team's Makefile had made: `tar -czf hello-1.2.3-a.tar.gz .`, with a VERSION of its own."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        tar.add(HERE / "examples/hello", "./examples/hello")
        said = json.dumps({"greeting": "from before", "healthy": True}).encode()
        for name, content in (("./examples/hello/hello.json", said), ("./VERSION", b"whatever\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def test_a_person_goes_back_to_an_archive_from_before_tagship(here: Shop) -> None:
    new = here.publish("1.3.0")
    assert typed(here, "deploy", "--version", new).returncode == 0
    app = bootstrap.app(here.root)
    app.store.create(f"hello/{OLD}/hello-{OLD}.tar.gz", archive())

    refused = typed(here, "rollback", "--to", OLD, "--yes")
    assert refused.returncode == 2
    said = by_inv(refused.stderr)
    assert f"next: If you know that archive: inv rollback --to {OLD} --env a --yes --allow-legacy" in said
    assert here.serving() == [new] * 2

    done = typed(here, "rollback", "--to", OLD, "--allow-legacy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.serving() == [OLD] * 2
    require_as_written(app, "a")

    verified = typed(here, "verify", "--version", OLD)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert typed(here, "rollback", "--to", new, "--allow-bad").returncode == 0
    assert typed(here, "rollback", "--to", OLD, "--allow-bad").returncode == 0  # an artifact like any other by now
    assert here.serving() == [OLD] * 2
    print(refused.stdout + refused.stderr + done.stdout + done.stderr)
