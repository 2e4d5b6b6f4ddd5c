"""A sandbox on which many cases run, one after the other: each takes its environment one version further."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tagship import bootstrap
from tagship.sandbox.state import Running, SandboxHost
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.publish import publish
from tests.faults import onhost
from tests.faults.watch import version
from tests.sandbox import shop
from tests.sandbox.conftest import git, repository

HERE = Path(__file__).parents[2]
INV = str(Path(sys.executable).with_name("inv"))
INJECTION = Path(__file__).parent / "injection"
APP = "hello"
TTL = 10  # seconds, the least that the settings allow
CI = "[ci]\nappears_within = 20\n"
ENVIRONMENT = """
[environments.{name}]
branch = "main"
lease_ttl = {ttl}
health = {{ attempts = 4, cap = 1, timeout = 2 }}
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "examples/hello/app.py"]
ec2.drain = 0
ec2.timeout = 60
infra = {{ directory = "infra", command = ["touch", "applied"] }}
"""
WORKFLOW = """\
name: deploy-dev
on:
  push:
    tags: ["*-d*"]
permissions: {{}}
env:
  PYTHONPATH: {path}
  PATH: {bin}:/usr/local/bin:/usr/bin:/bin
jobs:
  ship:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
        with:
          fetch-depth: 0
      - run: inv validate
      - run: inv bundle
      - run: inv publish
      - run: inv deploy --wait 1m
"""
SHIPPED = [f"d{number}" for number in range(1, 5)]  # CI ships these when their tag is pushed
OTHERS = [f"e{number}" for number in range(1, 13)]
SOURCES = {f"e{number}": f"f{number}" for number in range(1, 4)}  # what is promoted to an environment comes from there
PROMOTION = f"""
[promotion]
order = {json.dumps([name for to, source in SOURCES.items() for name in (source, to)])}
"""


def make(folder: Path) -> Path:
    """The repository, in one commit."""
    shutil.copytree(HERE / "deploy", folder / "deploy")
    shutil.copytree(HERE / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    names = [*SHIPPED, *OTHERS, *SOURCES.values()]
    text = shop.HEAD + CI + PROMOTION + "".join(ENVIRONMENT.format(name=name, ttl=TTL) for name in names)
    files = {
        "tagship.toml": text,
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\napplied\n",
        "infra/README": "What the environments stand on.\n",
        ".github/workflows/deploy-dev.yml": WORKFLOW.format(path=HERE, bin=Path(sys.executable).parent),
    }
    return repository(folder, files)


@dataclass
class Ran:
    """How a command ended."""

    typed: str
    code: int
    out: str
    err: str

    @property
    def next(self) -> str:
        return self._last(" next: ")

    @property
    def now(self) -> str:
        return self._last("  now: ")

    def _last(self, label: str) -> str:
        found = [line.removeprefix(label) for line in self.err.splitlines() if line.startswith(label)]
        return found[-1] if found else ""

    def __str__(self) -> str:
        last = [line for line in self.err.splitlines() if line.strip()][-4:]
        return f"{self.typed} -> {self.code}: {' | '.join(last)[-700:]}"


@dataclass
class Ground:
    """The sandbox, which environments are still good for a case, and the calls of each journey."""

    running: Running
    recorded: dict[str, list[str]] = field(default_factory=dict)
    _names: dict[bool, Iterator[str]] = field(default_factory=lambda: {True: iter(SHIPPED), False: iter(OTHERS)})
    _used: dict[bool, Environment] = field(default_factory=dict)

    def environment(self, shipped: bool, anew: bool = False) -> Environment:
        """One with a version serving: the one of the last case, unless something went wrong there."""
        if anew or shipped not in self._used:
            one = Environment(self, next(self._names[shipped]))
            onhost.prepare(one.host.root)
            one.advance("deployed")
            self._used[shipped] = one
        return self._used[shipped]


class Environment:
    """One environment with one host, its versions counted."""

    def __init__(self, ground: Ground, name: str) -> None:
        self.ground, self.name = ground, name
        self.work = ground.running.work
        self._numbers = itertools.count(1)
        self.old = self.new = ""
        self.dead = ""  # the deployment that holds its lease, for a journey that breaks it
        self.bytes: dict[str, str] = {}  # of every artifact that was there: key -> ETag

    @property
    def host(self) -> SandboxHost:
        return next(one for one in self.ground.running.hosts if one.environment == self.name)

    @property
    def source(self) -> str:
        """The environment before it."""
        return SOURCES.get(self.name, "")

    @cached_property
    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.work)

    def advance(self, to: str, slow: bool = False) -> str:
        """A new version, brought as far as a journey wants it: committed, tagged, bundled, published or deployed.

        `old` is what serves before that.
        """
        self.old = version(self.host.port) if self.new else ""
        self.new = f"0.1.{next(self._numbers)}-{self.name}"
        self._commit({"fault": "slow", "delay": 3} if slow else {})
        stages = ("committed", "tagged", "bundled", "published", "deployed")
        for stage in stages[1 : stages.index(to) + 1]:
            getattr(self, f"_{stage}")()
        return self.new

    def _commit(self, config: dict[str, object]) -> None:
        said = {"greeting": f"hello {self.new}", "healthy": True, **config}
        (self.work / "examples/hello/hello.json").write_text(json.dumps(said), "utf-8")
        git(self.work, "checkout", "--quiet", "-B", "main")
        git(self.work, "commit", "--quiet", "--allow-empty", "--all", "-m", f"Say {self.new}")
        git(self.work, "push", "--quiet", "origin", "main")

    def _tagged(self) -> None:
        git(self.work, "tag", "-a", self.new, "-m", self.new)
        if self.name in OTHERS:  # the tag of a shipped one would start a run
            git(self.work, "push", "--quiet", "origin", f"refs/tags/{self.new}")

    def _bundled(self) -> None:
        bundle(self.app, artifact=self.new, env=self.name)

    def _published(self) -> None:
        publish(self.app, artifact=self.new, env=self.name)

    def _deployed(self) -> None:
        deploy(self.app, artifact=self.new)

    def told(self, words: str) -> list[str]:
        return words.format(new=self.new, old=self.old, env=self.name, dead=self.dead, source=self.source).split()

    def inv(self, words: list[str], faults: Path | None = None, ci: bool = False) -> Ran:
        """`inv …` in the practice clone, in a process of its own."""
        return self._run([INV, *words], shlex.join(["inv", *words]), faults, ci)

    def type(self, command: str, ci: bool = False) -> Ran:
        """A command as it is printed, in a shell, in the practice clone."""
        return self._run(["bash", "-c", command], command, None, ci)

    def _run(self, program: list[str], typed: str, faults: Path | None, ci: bool) -> Ran:
        path = [str(HERE)]
        variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        variables["PATH"] = f"{Path(INV).parent}{os.pathsep}{variables['PATH']}"
        variables |= self._home()
        if faults:
            path.insert(0, str(INJECTION))
            variables["TAGSHIP_FAULTS"] = str(faults)
        if ci:
            variables |= self._of_ci()
        done = subprocess.run(
            program,
            cwd=self.work,
            env={**variables, "PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return Ran(typed, done.returncode, done.stdout, done.stderr)

    def _home(self) -> dict[str, str]:
        """A home of its own: what is typed may change the user's configuration."""
        home = self.ground.running.folder.parent / "home"
        home.mkdir(exist_ok=True)
        return {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}

    def _of_ci(self) -> dict[str, str]:
        return {
            "CI": "true",
            "GITHUB_REF_TYPE": "tag",
            "GITHUB_REF_NAME": self.new,
            "GITHUB_SHA": git(self.work, "rev-parse", "HEAD"),
            "GITHUB_REPOSITORY": "sandbox/hello",
        }

    def quiet(self, within: float = 20.0) -> bool:
        """Wait until no command runs on the environment's host."""
        until = time.monotonic() + within
        ssm = self.app.aws.client("ssm")
        executing = [{"key": "ExecutionStage", "value": "Executing"}]
        while time.monotonic() < until:
            if not ssm.list_commands(InstanceId=self.host.id, Filters=executing)["Commands"]:
                return True
            time.sleep(0.05)
        return False
