"""A repository that ships examples/hello to a sandbox: every test has an environment of its own, with two hosts."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship import bootstrap
from tagship.sandbox.state import Running, SandboxHost
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.sandbox.conftest import git, repository
from tests.sandbox.head import KEYS, bundle_of, head

HERE = Path(__file__).parents[2]
BUNDLE = bundle_of("examples/hello")
HEAD = head("hello", BUNDLE)
HEAD_WITH_KEYS = head("hello", BUNDLE, signing=KEYS)  # of each environment
ENVIRONMENT = """
[environments.{name}]
branch = "main"
health = {{ attempts = 4, cap = 1, timeout = 1 }}
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "examples/hello/app.py"]
ec2.drain = 0
ec2.timeout = 30
"""


def make(folder: Path, environments: list[str], more: Mapping[str, str] | None = None, head: str = HEAD) -> Path:
    """The repository, in one commit; `more` is what an environment says beside what they all say."""
    shutil.copytree(HERE / "deploy", folder / "deploy")
    shutil.copytree(HERE / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    text = head + "".join(ENVIRONMENT.format(name=name) + (more or {}).get(name, "") for name in environments)
    return repository(folder, {"tagship.toml": text, ".gitignore": ".tagship\n__pycache__\n"})


@dataclass
class Shop:
    """One environment of a running sandbox."""

    root: Path
    running: Running
    environment: str

    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.root)

    def version(self, number: str) -> str:
        return f"{number}-{self.environment}"

    def publish(self, number: str, fault: str = "", **config: object) -> str:
        """Commit hello with that fault, tag it, bundle and publish it; returns the version."""
        version = self.version(number)
        said = {"greeting": f"hello {number}", "healthy": True, **({"fault": fault} if fault else {}), **config}
        (self.root / "examples/hello/hello.json").write_text(json.dumps(said), "utf-8")
        git(self.root, "commit", "--quiet", "--allow-empty", "--all", "-m", f"Say {number}")
        git(self.root, "tag", "-a", version, "-m", version)
        app = self.app()
        bundle(app, artifact=version, env=self.environment)
        publish(app, artifact=version, env=self.environment)
        return version

    @property
    def hosts(self) -> list[SandboxHost]:
        return [one for one in self.running.hosts if one.environment == self.environment]

    def serving(self) -> list[str]:
        """What answers on each host's port, asked over HTTP; empty where nothing does."""
        return [_version(host.port) for host in self.hosts]


def _version(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return str(json.load(answer)["version"])
    except OSError:
        return ""
