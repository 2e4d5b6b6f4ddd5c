"""A repository whose environment is a job under systemd, or a container: shapes that a sandbox plays with processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.sandbox.conftest import git, repository
from tests.sandbox.head import bundle_of, head

REPOSITORY = Path(__file__).parents[2]
INV = str(Path(sys.executable).with_name("inv"))
VERSION = "0.1.0-dev"
DEV = """\
[environments.dev]
branch = "dev"
[environments.dev.health]
attempts = 4
cap = 1
"""
JOB = """\
[environments.dev.ec2]
tags = { "tagship:app" = "shape" }
kind = "job"
manager = "systemd"
command = ["sh", "job.sh"]
"""
DOCKER = """\
[environments.dev.image]
repository = "registry.example.com/team/shape"
[environments.dev.ec2]
tags = { "tagship:app" = "shape" }
runtime = "docker"
manager = "systemd"
"""
SCRIPT = 'echo "ran $VERSION with ${GREETING-nothing}" | tee -a "$OUTPUT_DIR/ran"\n'
DOCKERFILE = """\
FROM python:3.12-slim
RUN pip install something
WORKDIR /srv
COPY app.py hello.json ./
ENV HOST=127.0.0.1
CMD ["python3", "app.py"]
"""


def make(folder: Path, shape: str, *, units: str = "$ROOT/etc/systemd/system") -> Path:
    """A repository of that shape, with the host program as it is here, but for where it has systemd's units."""
    shutil.copytree(REPOSITORY / "deploy", folder / "deploy")
    manager = folder / "deploy/host/manager_systemd.sh"
    manager.write_text(manager.read_text("utf-8").replace("UNITS=$ROOT/etc/systemd/system", f"UNITS={units}"), "utf-8")
    hello = REPOSITORY / "examples/hello"
    return repository(
        folder,
        {
            "tagship.toml": head("shape", bundle_of("job.sh"), DEV, shape),
            "tasks.py": "from tagship.tasks import ns\n",
            ".gitignore": "__pycache__\n.venv\n",
            "job.sh": SCRIPT,
            "Dockerfile": DOCKERFILE,
            "app.py": (hello / "app.py").read_text("utf-8"),
            "hello.json": (hello / "hello.json").read_text("utf-8"),
        },
    )


def run(where: Path, *command: str, fails: bool = False) -> str:
    """Run a command without a terminal; returns all that it said."""
    gone = ("GITHUB_", "TAGSHIP_", "AWS_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(gone) and name != "CI"}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"  # what is printed begins with `inv`
    done = subprocess.run(
        command, cwd=where, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=180
    )
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    return said


def inv(where: Path, *words: str, fails: bool = False) -> str:
    return run(where, INV, *words, fails=fails)


def ship(work: Path, version: str = VERSION, prefix: Sequence[str] = ()) -> str:
    """Build, bundle, publish and deploy the head of the practice clone, as CI would; returns all that was said."""
    git(work, "tag", "-a", version, "-m", version)
    verbs = ("build", "bundle", "publish", "deploy")
    return "\n".join(run(work, *prefix, INV, verb, "--version", version) for verb in verbs)
