"""The examples of other kinds of target, each as a repository of its own that the demo ships."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKFLOW = """\
name: deploy-dev
on: {{push: {{tags: ["*-dev"]}}}}
permissions: {{}}
env: {{PATH: "{programs}:/usr/local/bin:/usr/bin:/bin"}}
jobs:
  ship:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
        with: {{fetch-depth: 0}}
      - {{name: Validate, run: inv validate}}
      - {{name: Build, run: inv build}}
      - {{name: Bundle, run: inv bundle}}
      - {{name: Publish, run: inv publish}}
      - {{name: Deploy, run: inv deploy}}
      - {{name: Verify, run: inv verify}}
"""


# Where a service of the sandbox answers: the example names a port, and a demo takes a free one.
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/[\w/]*")


@dataclass(frozen=True)
class Story:
    """An example: the file that changes its app, and what breaks it.

    `broken` are values of that file.
    """

    folder: str
    file: str
    broken: Mapping[str, Any]
    units: str
    asked: bool = True  # a port answers as the version; otherwise `inv verify` alone says it

    def make(self, root: Path, to: Path, environment: Mapping[str, str]) -> None:
        """Make a repository of the example, in one commit."""
        shutil.copytree(root / self.folder, to, ignore=shutil.ignore_patterns("__pycache__"))
        settings = to / "tagship.toml"
        settings.write_text(_on_a_free_port(settings.read_text("utf-8")), "utf-8")
        (to / "tasks.py").write_text("from tagship.tasks import ns\n", "utf-8")
        (to / ".gitignore").write_text(".tagship\n__pycache__\n", "utf-8")
        workflow = to / ".github/workflows/deploy-dev.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(WORKFLOW.format(programs=Path(sys.executable).parent), "utf-8")
        begin = (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "."),
            ("commit", "--quiet", "--message", "Begin"),
        )
        for words in begin:
            subprocess.run(["git", *words], cwd=to, env=dict(environment), check=True)

    def url(self, work: Path) -> str:
        """Find where its service answers; empty if a host does."""
        match = ADDRESS.search((work / "tagship.toml").read_text("utf-8"))
        return match[0] if match else ""


def _on_a_free_port(settings: str) -> str:
    match = ADDRESS.search(settings)
    if match is None:
        return settings
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return settings.replace(f":{match[1]}/", f":{probe.getsockname()[1]}/")


STORIES = {
    "ecs": Story("examples/ecs", "service.json", {"fault": "crash"}, "a service of ECS"),
    "lambda": Story("examples/lambda", "api/service.json", {"fault": "error"}, "functions and a site", asked=False),
    "asg": Story("examples/asg", "page.json", {"healthy": False}, "an Auto Scaling group"),
}
