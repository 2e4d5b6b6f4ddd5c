"""A service of ECS brought to a version, beside fabfuel's ecs-deploy: calls, time, and who says that it worked.

Both are programs of their own against the sandbox's ECS in this process, whose steps take `STEP`. Each registers a task
definition with the version's image, updates the service and follows it to the end; tagship's process does what `deploy`
does between lease and ledger. Then a version is deployed whose tasks exit, and the circuit breaker goes back: whoever
looks at the number of tasks alone sees a stable service. ecs-deploy is installed in an environment of its own, as
scripts/bench/ecs_deploy.txt pins it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from scripts.bench.measure import TOP, Figure, in_turns, ratio
from tests.contract import strict_aws
from tests.contract.place import Place
from tests.contract.services import REPOSITORY, Services, switch

STEP = 0.3  # seconds
ROUNDS = 3
MOST = 2  # times ecs-deploy's calls: it looks at the service alone, and not at my deployment, its tasks and its alarms
LOCK = TOP / "scripts/bench/ecs_deploy.txt"
PATIENCE = 120  # seconds, of either program
DEPLOY = "import sys; from scripts.bench.services import deployed; deployed(*sys.argv[1:])"
GOOD = {"healthy", "unchanged"}


@dataclass
class Ended:
    """How a program ended, after how many seconds and calls of ECS."""

    code: int
    seconds: float
    calls: int
    output: str


@dataclass
class Counting:
    """The sandbox's AWS at an address of its own, which counts the calls of ECS."""

    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def listen(self) -> None:
        from tagship.sandbox import web
        from tagship.sandbox.aws import services

        inner = services.application(strict_aws.world().keys)

        def application(request: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
            target = str(request.get("HTTP_X_AMZ_TARGET", ""))
            if target.startswith("AmazonEC2ContainerService"):
                self.calls[target.rpartition(".")[2]] += 1
            answer: Iterable[bytes] = inner(request, respond)
            return answer

        server = web.server(application)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"


def services(folder: Path) -> list[Figure]:
    program = _installed(folder / "venv")
    counting = Counting()
    counting.listen()
    ours, theirs = (Services.made(["api"], url=False) for _ in range(2))
    switch(step=STEP)
    numbers = count(1)

    def tagship(fault: str = "") -> Ended:
        version = f"0.1.{next(numbers)}-dev"
        artifact = ours.publish(version, fault)
        return _run(counting, [sys.executable, "-c", DEPLOY, ours.app.store.bucket, ours.cluster, *artifact])

    def ecs_deploy(fault: str = "") -> Ended:
        version = f"0.1.{next(numbers)}-dev"
        theirs.publish(version, fault)
        image = f"{REPOSITORY}@{next(reversed(theirs.images))}"
        asked = ["--image", "app", image, "--timeout", str(PATIENCE), "--no-diff", "--region", strict_aws.REGION]
        return _run(counting, [program, "deploy", theirs.cluster, "api", *asked])

    runs: dict[str, list[Ended]] = {"ours": [], "theirs": []}
    took = in_turns(ROUNDS, lambda: _good(tagship(), runs["ours"]), lambda: _good(ecs_deploy(), runs["theirs"]))
    calls = [sorted(run.calls for run in runs[name])[len(runs[name]) // 2] for name in ("ours", "theirs")]
    what = "a service brought to a version, beside ecs-deploy"
    return [
        ratio("services", what, took[0], took[1], 1.2),
        Figure(
            "services", "the same: calls of ECS", f"{calls[0]}", f"{calls[1]}",
            f"{calls[0] / calls[1]:.2f} x", f"≤ {MOST} x", calls[0] <= MOST * calls[1],
        ),
        _truth(tagship("crash"), ecs_deploy("crash")),
    ]  # fmt: skip


def _truth(ours: Ended, theirs: Ended) -> Figure:
    """Who says that a version was deployed which ECS took back."""
    said, beside = ("success" if run.code == 0 else "failure" for run in (ours, theirs))
    what, ends = "after a rollback by the breaker, it says", f"exit {ours.code} and {theirs.code}"
    return Figure("services", what, said, beside, ends, "failure", ours.code != 0)


def _good(ended: Ended, runs: list[Ended]) -> float:
    if ended.code:
        raise SystemExit(f"a good version was not deployed:\n{ended.output}")
    runs.append(ended)
    return ended.seconds


def _run(counting: Counting, command: Sequence[str]) -> Ended:
    """Run a program against the sandbox."""
    keys = strict_aws.world().keys
    variables = {
        **os.environ,
        "AWS_ENDPOINT_URL": counting.url,
        "AWS_ACCESS_KEY_ID": keys.access,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        "AWS_DEFAULT_REGION": strict_aws.REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    before, began = counting.calls.total(), time.perf_counter()
    done = subprocess.run(
        command, cwd=TOP, env=variables, capture_output=True, text=True, check=False, timeout=3 * PATIENCE
    )
    took = time.perf_counter() - began
    return Ended(done.returncode, took, counting.calls.total() - before, done.stdout + done.stderr)


def _installed(folder: Path) -> str:
    """Install ecs-deploy in an environment of its own; return its program."""
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, "--require-hashes", "-r", str(LOCK)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return str(folder / "bin/ecs")


# -- in tagship's own process ------------------------------------------------------------------------------------------


def deployed(bucket: str, cluster: str, artifact: str, manifest_sha256: str) -> None:
    """Bring the service to that artifact; exit as `deploy` does."""
    from tagship.adapters.aws.s3 import S3Store
    from tagship.adapters.aws.session import Aws
    from tagship.adapters.clock import SystemClock
    from tagship.adapters.targets.ecs.target import connect
    from tagship.domain.change import Change
    from tagship.domain.deployment import new_id
    from tagship.domain.version import ArtifactId
    from tests.fakes.app import settings

    dev = {"branch": "dev", "image": {"repository": REPOSITORY}, "ecs": {"cluster": cluster, "services": {"api": {}}}}
    keys = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    aws = Aws(os.environ["AWS_DEFAULT_REGION"], os.environ["AWS_ENDPOINT_URL"], sandbox=True, keys=keys)
    app = Place(settings=settings(environments={"dev": dev}), aws=aws, store=S3Store(aws, bucket))  # type: ignore[arg-type]
    app.clock = SystemClock()  # type: ignore[assignment]
    target, now = connect(app, "dev"), app.clock.now()
    change = Change(
        "deploy", "hello", "dev", ArtifactId(artifact), manifest_sha256, new_id(now), time.time_ns() // 1000
    )
    units = target.units()
    reports = target.finish(target.start(change, units), change, units, lambda _: None)
    print(json.dumps([(report.outcome, report.reason) for report in reports]))
    if not {report.outcome for report in reports} <= GOOD:
        raise SystemExit(6)
