"""Many processes that want one lease: `python -m tests.faults.contenders JSON`, run apart from the tests.

Each does what deploy does to get it (tagship.engine.acquire), holds it for a moment, and gives it back. Whether two
ever hold it at once is not asked of the lease but of files that only a holder may touch: one that must not exist, and a
count that loses numbers as soon as two add to it together.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.bucket.leases import StoredLeases
from tagship.engine.acquire import Acquired, Claim, acquire
from tagship.errors import LeaseLost, TagshipError
from tagship.ports.bucket import Store
from tests.fakes.app import environments, settings
from tests.fakes.screen import FakeScreen
from tests.fakes.target import FakeTarget

CLAIM = Claim("dev", 0, "inv deploy --artifact 0.1.0-dev --env dev", wait=600)


@dataclass(frozen=True)
class Job:
    """`skew` is how many seconds clocks are off, to either side; `crash` how often, of 1, a holder is killed."""

    url: str
    keys: tuple[str, str]
    bucket: str
    folder: Path
    processes: int
    rounds: int
    ttl: int = 3600
    skew: float = 0
    crash: float = 0
    stall: float = 0


class Over(Exception):
    """All rounds have been held: whoever still waits may go."""


class SkewedClock:
    """A machine's clock that somebody set wrongly."""

    def __init__(self, job: Job, off: float) -> None:
        self._job = job
        self._off = timedelta(seconds=off)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        if not self._job.stall and int((self._job.folder / "count").read_text() or 0) >= self._job.rounds:
            raise Over


class Contender:
    """What taking needs of an App, and nothing else; nothing is ever in flight, and no run can be asked."""

    run_url = ""
    forge = None

    def __init__(self, job: Job, store: Store, number: int) -> None:
        self.settings = settings(environments=environments(lease_ttl=max(job.ttl, 10)))
        self.clock = SkewedClock(job, job.skew * (number % 3 - 1))
        self.screen = FakeScreen()
        self.leases = Short(store, job.ttl)
        self.who = f"runner-{number}"

    def target(self, _environment: str) -> FakeTarget:
        return FakeTarget()


class Short(StoredLeases):
    """Leases that expire sooner than settings allow: a test need not wait ten seconds for each that died."""

    def __init__(self, store: Store, ttl: int) -> None:
        super().__init__(store, "hello")
        self._ttl = ttl

    def take(self, environment: str, **asked: Any) -> Any:
        return super().take(environment, **{**asked, "ttl": self._ttl})


class Witness:
    """The files that only a holder may touch."""

    def __init__(self, folder: Path) -> None:
        self.inside, self.count, self.log = folder / "inside", folder / "count", folder / "log"

    def enter(self, taken: Acquired) -> int:
        """Returns how many were here before; a file left by whoever was taken over, and by nobody else, is cleared."""
        if taken.over and self.inside.exists() and self.inside.read_text() == taken.over.record.deployment_id:
            self.inside.unlink()
        handle = os.open(self.inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY)  # FileExistsError: two hold it
        os.write(handle, taken.record.deployment_id.encode())
        os.close(handle)
        return int(self.count.read_text() or 0)

    def leave(self, before: int, taken: Acquired) -> None:
        self.count.write_text(str(before + 1))
        with self.log.open("a") as log:
            log.write(f"{taken.record.fence} {taken.record.deployment_id} {bool(taken.over):d}\n")
        self.inside.unlink()


def contend(job: Job, store: Store, number: int) -> None:
    """Take it, hold it, give it back, until all rounds are over."""
    app: Any = Contender(job, store, number)
    witness, dice = Witness(job.folder), random.Random(number)
    while True:
        taken = acquire(app, CLAIM)
        before = witness.enter(taken)
        if before >= job.rounds:
            witness.inside.unlink()
            app.leases.release(taken.record)
            return
        time.sleep(dice.random() * 0.003)
        record = taken.record
        if dice.random() < 0.5:
            record = app.leases.renew(record, phase="deploying", operations=["c-1"])
        if dice.random() < job.crash:
            os.kill(os.getpid(), signal.SIGKILL)
        witness.leave(before, taken)
        app.leases.release(record)
        seen = app.leases.look("dev")
        if seen is None or seen.record.deployment_id == record.deployment_id:
            raise AssertionError(f"the release of {record.deployment_id} was lost: {seen}")


def stall(job: Job, store: Store, number: int) -> None:
    """Holders that sleep through their lease: what they may still do is up to a resource that knows fencing numbers."""
    app: Any = Contender(job, store, number)
    dice = random.Random(number)
    for _ in range(job.rounds):
        taken = acquire(app, CLAIM)
        asleep = job.ttl + 1 + dice.random()
        time.sleep(asleep if dice.random() < job.stall else 0)
        try:
            record = app.leases.renew(taken.record, phase="acting")
        except LeaseLost:
            note(job, f"lost {taken.record.fence}")
            continue
        time.sleep(asleep if dice.random() < job.stall else 0)  # between the last look at the lease and the order
        accepted = act(job.folder / "resource", record.fence)
        note(job, f"{'acted' if accepted else 'refused'} {record.fence}")
        app.leases.release(record)


def act(resource: Path, fence: int) -> bool:
    """What a host does with an order: a number lower than the highest it has seen is refused."""
    import fcntl

    with resource.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if fence < max(map(int, file.read().split()), default=0):
            return False
        file.write(f"{fence}\n")
        return True


def note(job: Job, line: str) -> None:
    with (job.folder / "log").open("a") as log:
        log.write(line + "\n")


def main() -> None:
    """Fork the contenders, which share a client made beforehand and not yet connected; wait for all; say who failed."""
    asked = json.loads(sys.argv[1])
    job = Job(**{**asked, "folder": Path(asked["folder"]), "keys": tuple(asked["keys"])})
    (job.folder / "count").write_text("0")
    store = S3Store(Aws("us-east-1", job.url, sandbox=True, keys=job.keys), job.bucket)
    store.aws.client("s3")
    children = [child for number in range(job.processes) if (child := _forked(job, store, number))]
    killed = failed = 0
    for child in children:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        killed += code == -signal.SIGKILL
        failed += code not in {0, -signal.SIGKILL}
    print(json.dumps({"killed": killed, "failed": failed}))


def _forked(job: Job, store: Store, number: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        with contextlib.suppress(Over):
            (stall if job.stall else contend)(job, store, number)
    except (TagshipError, OSError, AssertionError) as problem:
        print(f"runner-{number}: {type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
