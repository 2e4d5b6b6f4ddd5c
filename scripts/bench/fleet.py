"""A rolling deployment to 500 simulated hosts: calls a round, memory, time beside the ideal, and what is put back.

Simulated (tagship.sandbox.hosts.simulated) is what a command does on a host. The workflow, botocore, HTTP and SSM's API
are what they are: the deploying process is one of its own, and its calls are counted as they are sent.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.measure import TOP, Figure, environment, git, largest

HOSTS, SLOWEST = 500, 20.0  # seconds
OCEAN = 2_000  # hosts
RATIO, OCEAN_RATIO = 1.3, 1.2  # of the time that the batches take at best
BATCH, ERRORS, FAILING = "20%", "2%", 0.05
MEMORY = 150  # MB
SETTINGS = """\
app = "hello"
sandbox = true
[aws]
bucket = "hello-artifacts"
[signing]
key = "kms:alias/hello"
public_key = "release.pub.pem"
[bundle]
include = ["examples/hello"]
[environments.dev]
branch = "main"
health = { attempts = 4, cap = 1 }
[environments.dev.ec2]
tags = { "tagship:environment" = "dev" }
timeout = 120
command = ["python3", "examples/hello/app.py"]
rollout = { max_concurrency = "%(batch)s", max_errors = "%(errors)s", canary = true }
"""
AGAIN = "sent again"
POLLS = ("ListCommandInvocations", "GetCommandInvocation")


def fleet(folder: Path, hosts: int = HOSTS, slowest: float = SLOWEST, longest: float = RATIO) -> list[Figure]:
    with grounds(folder, hosts, BATCH, ERRORS) as ground:
        for number in ("0.1.0", "0.1.1", "0.1.2"):
            ground.publish(f"{number}-dev")
        ground.pace(0.05, 0.1)
        ground.deploy("0.1.0-dev")
        ground.pace(slowest / 2, slowest)
        rolling = ground.deploy("0.1.1-dev")
        ground.pace(slowest / 20, slowest / 10, random.Random(4).sample(ground.ids, int(hosts * FAILING)))
        stopped = ground.deploy("0.1.2-dev")
        after = ground.serving()
    return [*_rolling(rolling, hosts, slowest, longest), _stopped(stopped, after)]


def ocean(folder: Path) -> list[Figure]:
    """2,000 hosts in one rolling deployment."""
    return fleet(folder, OCEAN, longest=OCEAN_RATIO)


def _rolling(done: Done, hosts: int, slowest: float, longest: float) -> list[Figure]:
    if not done.polls:
        raise SystemExit(f"the deployment ended with {done.code} before any poll:\n{done.said}")
    most, allowed = done.most, hosts / 50 + 1
    again = sum(each.count(AGAIN) for each in done.polls)
    ideal = _batches(hosts) * slowest
    took, memory = done.seconds / ideal, f"{done.memory:.0f} MB"
    where = f"{hosts} hosts, {_batches(hosts)} batches"
    calls = f"{most} at most" + (f", {again} sent again" if again else "")
    return [
        Figure("fleet", "calls a poll round", calls, where, f"{most}", f"≤ {allowed:.0f}", most <= allowed),
        Figure("fleet", "memory", memory, where, memory, f"< {MEMORY} MB", done.memory < MEMORY),
        Figure(
            "fleet",
            "end to end",
            f"{done.seconds:.0f} s",
            f"{ideal:.0f} s",
            f"{took:.2f} x",
            f"≤ {longest} x",
            took <= longest,
        ),
    ]


def _batches(hosts: int) -> int:
    """The canary, and the others a batch at a time."""
    batch = hosts * int(BATCH[:-1]) // 100
    return 1 + -(-(hosts - 1) // batch)


def _stopped(done: Done, after: dict[str, Any]) -> Figure:
    changed = [one for one in after.values() if "deploy 0.1.2-dev" in one["orders"]]
    back = Counter(one["serving"] for one in after.values())
    good = done.code == 6 and back == {"0.1.1-dev": len(after)} and len(changed) < len(after)
    if not good:
        print(done.said, file=sys.stderr)
    what = f"{FAILING:.0%} of the hosts fail, {ERRORS} may"
    stopped = f"stopped at {len(changed)} hosts"
    return Figure("fleet", what, stopped, f"exit {done.code}", f"{dict(back)}", "all put back", good)


# -- the ground --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """One deployment by a process of its own: exit code, seconds, peak memory in MB, and each round's polling calls."""

    code: int
    seconds: float
    memory: float
    polls: list[list[str]]
    said: str

    @property
    def most(self) -> int:
        """The calls of the round that had the most of them."""
        return max(len(each) - each.count(AGAIN) for each in self.polls)


@dataclass(frozen=True)
class Ground:
    """A repository with a sandbox of simulated hosts."""

    root: Path
    url: str
    token: str
    ids: list[str]

    def publish(self, version: str) -> None:
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", f"Make {version}")
        git(self.root, "tag", "-a", version, "-m", version)
        for verb in ("bundle", "publish"):
            _python(f"from tagship.tasks.program import run; run('tagship {verb} --artifact {version}')", self.root)

    def pace(self, quickest: float, slowest: float, failing: list[str] | None = None) -> None:
        self.behave(quickest=quickest, slowest=slowest, failing=failing or [], stuck=[])

    def behave(self, **asked: object) -> None:
        """See tagship.sandbox.hosts.simulated.Behaviour."""
        self._simulated(json.dumps(asked).encode())

    def serving(self) -> dict[str, Any]:
        return dict(json.loads(self._simulated()))

    def _simulated(self, asked: bytes | None = None) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/sandbox/simulated", asked, headers)
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    def deploy(self, version: str) -> Done:
        done = _python(f"from scripts.bench.fleet import deploying; deploying({version!r})", self.root)
        return Done(**json.loads(done.stdout.splitlines()[-1]), said=done.stdout + done.stderr)


def _python(program: str, where: Path) -> subprocess.CompletedProcess[str]:
    given = environment() | {"PYTHONPATH": str(TOP)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=where, env=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@contextmanager
def grounds(folder: Path, hosts: int, batch: str, errors: str) -> Iterator[Ground]:
    """A repository of its own that ships the sample app, and its sandbox."""
    from tagship.sandbox import lifecycle, state

    root = folder / "fleet"
    shutil.copytree(TOP / "deploy", root / "deploy")
    shutil.copytree(TOP / "examples", root / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tagship.toml").write_text(SETTINGS % {"batch": batch, "errors": errors}, "utf-8")
    (root / ".gitignore").write_text(".tagship\n__pycache__\n", "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    up = "from pathlib import Path; from tagship.sandbox import lifecycle; lifecycle.READY_WITHIN = %d; "
    _python((up + "lifecycle.up(Path.cwd(), 1, %d)") % (30 + hosts // 10, hosts), root)
    running = state.locate(root)
    if running is None:
        raise SystemExit("the sandbox is not up")
    try:
        yield Ground(root, running.aws_url, running.keys.token, [host.id for host in running.hosts])
    finally:
        lifecycle.down(root)


# -- in the deploying process ------------------------------------------------------------------------------------------


def deploying(version: str) -> None:
    """Deploy, and print what it took as the last line."""
    from tagship import bootstrap
    from tagship.adapters.clock import SystemClock
    from tagship.errors import TagshipError
    from tagship.verbs.deploy import deploy

    rounds: list[list[str]] = [[]]

    class Rounds(SystemClock):
        def sleep(self, seconds: float) -> None:
            rounds.append([])
            super().sleep(seconds)

    app = bootstrap.app()
    app.__dict__["clock"] = Rounds()
    for client in (app.aws.client("ssm"), app.aws.once("ssm")):
        client.meta.events.register("before-send.ssm.*", lambda **sent: _count(rounds, **sent))
    began, code = time.monotonic(), 0
    try:
        deploy(app, artifact=version, env="dev")
    except TagshipError as problem:
        code = problem.exit_code
        print(problem.what, problem.state, problem.remedy, sep="\n")
    polls = [each for each in rounds if each]
    took = time.monotonic() - began
    print(
        json.dumps(
            {
                "code": code,
                "seconds": took,
                "memory": largest(),
                "polls": polls,
            }
        )
    )


def _count(rounds: list[list[str]], event_name: str, request: Any, **_more: object) -> None:
    """One request as it is sent. A round of polling ends with a pause, and with the next order.

    What botocore sends again (its header says which attempt it is) is told of apart: on a machine that is too busy to
    answer in time it says more of the machine than of the polling.
    """
    operation, attempt = event_name.rpartition(".")[2], str(request.headers.get("amz-sdk-request", ""))
    if operation == "SendCommand":
        rounds.append([])
    elif operation in POLLS:
        rounds[-1].append(operation if "attempt=1" in attempt else AGAIN)
