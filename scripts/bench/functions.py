"""Functions of Lambda in the sandbox: the round trips of a rollback, and seven functions flipped beside one.

What is timed is the flip itself: from reading the aliases to the answers by them, without lease and ledger. Each call
takes `LATENCY` more, as one to AWS does, and a handler does nothing (the sandbox's switch "simulated"): Lambda runs
handlers on as many machines as there are functions, and this machine has few processors. The second figure has no
target: it is the same with handlers that really run, each a process of this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.bench.measure import TOP, Figure, environment, git, in_turns, ratio, seconds

if TYPE_CHECKING:
    from tagship.domain.change import Change

LATENCY = 0.1  # seconds
MANY, ROUNDS, MOST = 7, 7, 3
FUNCTION = """\
[environments.{environment}.lambda.functions.bench-{environment}-{number}]
package = "api"
handler = "app.handler"
expect = {{ version = "{{version}}" }}
"""
SETTINGS = """\
app = "bench"
sandbox = true
[aws]
bucket = "bench-artifacts"
[signing]
key = "kms:alias/bench"
public_key = "release.pub.pem"
[packages.api]
directory = "api"
[environments.many]
branch = "many"
health = {{ passes = 1 }}
[environments.one]
branch = "one"
health = {{ passes = 1 }}
{functions}"""
HANDLER = 'import os\ndef handler(event, context):\n    return {"version": os.environ["VERSION"]}\n'


def functions(folder: Path) -> list[Figure]:
    with _sandbox(folder / "functions") as root:
        done = subprocess.run(
            [sys.executable, "-c", "from scripts.bench.functions import measuring; measuring()"],
            cwd=root, env=environment() | {"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"functions ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    trips = found["calls"]
    flips = f"{MANY} functions flipped, beside one"
    return [
        Figure(
            "functions", "round trips of a rollback", f"{trips} and the health check", "", f"{trips}", f"≤ {MOST}",
            trips <= MOST,
        ),
        ratio("functions", f"{flips}; a call takes {LATENCY * 1000:.0f} ms", found["many"], found["one"], 1.2),
        Figure(
            "functions", f"{flips}; handlers run here", seconds(found["many_here"]), seconds(found["one_here"]),
            f"{found['many_here'] / found['one_here']:.2f} x", "(this machine's)", True,
        ),
    ]  # fmt: skip


@contextmanager
def _sandbox(root: Path) -> Iterator[Path]:
    """A sandbox whose two environments have run two versions each."""
    from tagship.sandbox import lifecycle

    counts = {"many": MANY, "one": 1}
    tables = [
        FUNCTION.format(environment=name, number=number) for name, count in counts.items() for number in range(count)
    ]
    (root / "api").mkdir(parents=True)
    (root / "api/app.py").write_text(HANDLER, "utf-8")
    (root / "tagship.toml").write_text(SETTINGS.format(functions="".join(tables)), "utf-8")
    (root / ".gitignore").write_text(".tagship\n__pycache__\n", "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    lifecycle.up(root)
    try:
        _ship(root)
        yield root
    finally:
        lifecycle.down(root)


def _ship(root: Path) -> None:
    from tagship import bootstrap
    from tagship.verbs.build import build
    from tagship.verbs.bundle import bundle
    from tagship.verbs.deploy import deploy
    from tagship.verbs.publish import publish

    for number in ("0.1.0", "0.1.1"):
        git(root, "commit", "--quiet", "--allow-empty", "-m", f"Make {number}")
        for name in ("many", "one"):
            version = f"{number}-{name}"
            git(root, "tag", "-a", version, "-m", version)
            for verb in (build, bundle, publish):
                verb(bootstrap.app(root), artifact=version)
            deploy(bootstrap.app(root), artifact=version)


# -- in the process that flips -----------------------------------------------------------------------------------------


def measuring() -> None:
    """Flip there and back in turns, and print what it took as the last line."""
    from tagship import bootstrap

    app, calls = bootstrap.app(), list[str]()
    one, many = (_flips(app, name) for name in ("one", "many"))
    found: dict[str, float] = {}
    found["one_here"], found["many_here"] = in_turns(ROUNDS, one, many)
    _switch(app, simulated=True)
    for client in (app.aws.client("lambda"), app.aws.once("lambda")):
        client.meta.events.register("before-send.lambda.*", lambda **sent: _late(calls, **sent))
    found["one"], found["many"] = in_turns(ROUNDS, one, many)
    calls.clear()
    one()
    found["calls"] = len([call for call in calls if call != "Invoke"])
    print(json.dumps(found))


def _flips(app: Any, name: str) -> Callable[[], float]:
    """A flip of an environment to the version that it does not run."""
    target, versions = app.target(name), cycle([f"0.1.0-{name}", f"0.1.1-{name}"])
    units = target.units()

    def flip() -> float:
        change = _rollback(app, name, next(versions))
        began = time.perf_counter()
        reports = target.finish(target.start(change, units), change, units, lambda _: None)
        took = time.perf_counter() - began
        if {report.outcome for report in reports} != {"healthy"}:
            raise SystemExit(f"it was not flipped: {reports}")
        return took

    return flip


def _rollback(app: Any, name: str, version: str) -> Change:
    from tagship.domain.change import Change
    from tagship.domain.deployment import new_id
    from tagship.domain.version import ArtifactId
    from tagship.engine.plan import manifest_sha256

    now = app.clock.now()
    digest, fence = manifest_sha256(app, name, ArtifactId(version)), time.time_ns() // 1000
    return Change("rollback", "bench", name, ArtifactId(version), digest, new_id(now), fence)


def _late(calls: list[str], event_name: str, **_sent: object) -> None:
    calls.append(event_name.rsplit(".", maxsplit=1)[-1])
    time.sleep(LATENCY)


def _switch(app: Any, **asked: object) -> None:
    """Have the sandbox's Lambda do something else; see tagship.sandbox.aws.lambda_."""
    from urllib.request import Request, urlopen

    from tagship.sandbox.state import locate

    running = locate(app.root)
    if running is None:
        raise SystemExit("the sandbox is not up")
    headers = {"Authorization": f"token {running.keys.token}"}
    urlopen(Request(f"{running.aws_url}/sandbox/faults", json.dumps({"lambda": asked}).encode(), headers)).close()
