"""64 processes and one lease, over HTTP: never two holders, never a lost release, a fencing number that only rises."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.state import Running
from tests.faults.conftest import counted, happened
from tests.sandbox.conftest import client, post

pytestmark = pytest.mark.xdist_group("lease")  # one sandbox for all of them

TOP = Path(__file__).parents[2]
PROCESSES = 64
ROUNDS = 1000


@pytest.fixture
def bucket(bare: Running, request: pytest.FixtureRequest) -> str:
    name = f"contention-{abs(hash(request.node.name)) % 10**8}"
    client(bare, "s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def faulty(bare: Running) -> Iterator[Callable[..., None]]:
    """How often, of 1, a conditional write answers 409, or is done and not answered."""
    yield lambda **rates: post(bare, "faults", {"rates": rates})
    post(bare, "faults", {"rates": {"conflicts": 0, "dropped": 0}})


def run(bare: Running, bucket: str, folder: Path, **job: Any) -> dict[str, Any]:
    asked = {"url": bare.aws_url, "keys": [bare.keys.access, bare.keys.secret], "bucket": bucket, "folder": str(folder)}
    asked |= job
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.contenders", json.dumps(asked)],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    said: dict[str, Any] = json.loads(ended.stdout)
    assert said["failed"] == 0, ended.stderr[-3000:]
    log = [line.split() for line in (folder / "log").read_text().splitlines()]
    return {**said, "log": log, "seconds": time.monotonic() - began}


@pytest.fixture(params=["as it is", "409s and lost answers", "clocks an hour off"])
def kind(request: pytest.FixtureRequest, faulty: Callable[..., None]) -> str:
    if request.param == "409s and lost answers":
        faulty(conflicts=0.1, dropped=0.1)
    return str(request.param)


def test_no_two_hold_it_no_release_is_lost_and_the_fence_rises(
    bare: Running, bucket: str, kind: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    before = happened(bare)
    rounds, skew = counted(ROUNDS), 3600 if kind == "clocks an hour off" else 0
    ran = run(bare, bucket, tmp_path, processes=PROCESSES, rounds=rounds, skew=skew)
    fences = [int(fence) for fence, _, _ in ran["log"]]
    ids = [deployment for _, deployment, _ in ran["log"]]
    played = {name: count - before.get(name, 0) for name, count in happened(bare).items()}
    assert len(fences) == rounds == int((tmp_path / "count").read_text()), "an addition to the count was lost"
    assert fences == sorted(set(fences))
    assert ids == sorted(set(ids)), "ids sort as the lease was held, whatever the clocks"
    if kind == "409s and lost answers":
        assert played["conflicts"] > rounds / 10
        assert played["dropped"] > rounds / 10
    figure(
        f"lease, {kind}: {PROCESSES} processes, {rounds} rounds in {ran['seconds']:.0f} s; two holders 0, lost "
        f"releases 0, fence {fences[0]} to {fences[-1]} rising"
        + "".join(f"; {name} {count}" for name, count in sorted(played.items()) if count)
    )


def test_what_a_killed_holder_had_is_taken_over_once_it_has_expired(
    bare: Running, bucket: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    rounds = counted(300)
    ran = run(bare, bucket, tmp_path, processes=32, rounds=rounds, ttl=2, crash=0.06 if rounds > 100 else 0.2)
    fences = [int(fence) for fence, _, _ in ran["log"]]
    taken_over = sum(int(over) for _, _, over in ran["log"])
    assert ran["killed"] > 0
    assert len(fences) == rounds
    assert fences == sorted(set(fences))
    figure(
        f"lease, holders killed: 32 processes, {rounds} rounds in {ran['seconds']:.0f} s; {ran['killed']} killed while "
        f"holding, {taken_over} rounds began over a dead holder, two holders 0"
    )


def test_a_holder_that_sleeps_through_its_lease_acts_no_more(
    bare: Running, bucket: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    rounds = counted(40)
    ran = run(bare, bucket, tmp_path, processes=6, rounds=rounds, ttl=1, stall=0.25)
    words = [word for word, _ in ran["log"]]
    resource = [int(fence) for fence in (tmp_path / "resource").read_text().split()]
    assert resource == sorted(resource), "the resource took an order of a lower fence after a higher one"
    assert len(words) == 6 * rounds
    assert words.count("lost") + words.count("refused") > 0
    figure(
        f"lease, holders asleep: {len(words)} takings in {ran['seconds']:.0f} s; {words.count('lost')} were told "
        f"before they acted, {words.count('refused')} were refused by the resource, {words.count('acted')} acted"
    )
