"""What the demo plays, by the kind of target: the sample app, how it is changed and broken, and where it answers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.sandbox.state import Running

PLACEHOLDER = "8734"  # the port in the examples' own settings: a demo takes a free one


@dataclass(frozen=True)
class Story:
    """One kind's demo.

    `example` is the folder of examples whose files are a repository of that kind; empty: this repository is one.
    """

    sample: Path  # what is changed from version to version
    greeted: Mapping[str, object]
    broken: Mapping[str, object]
    shipping: str
    caught: str
    url: Callable[[Path, Running], str]  # by the clone and its sandbox
    example: str = ""

    def lay(self, root: Path, clone: Path) -> None:
        """Make a clone of tagship a repository of this kind."""
        if not self.example:
            return
        for path in (root / "examples" / self.example).iterdir():
            if path.is_file() and path.name != "README.md":
                shutil.copy(path, clone / path.name)
        settings = clone / "tagship.toml"
        settings.write_text(settings.read_text("utf-8").replace(PLACEHOLDER, str(_free_port())), "utf-8")
        subprocess.run(["git", "-C", str(clone), "add", "--all"], check=True)
        who = ["-c", "user.name=Ada Demo", "-c", "user.email=ada@example.org"]
        words = ["commit", "--quiet", "-m", f"Run examples/{self.example}"]
        subprocess.run(["git", "-C", str(clone), *who, *words], check=True)


def _host(_clone: Path, running: Running) -> str:
    return f"http://127.0.0.1:{running.hosts[0].port}/healthz"


def _service(clone: Path, _running: Running) -> str:
    """Return the health URL of the first service in the settings."""
    settings: dict[str, Any] = tomllib.loads((clone / "tagship.toml").read_text("utf-8"))
    services = settings["environments"]["dev"]["ecs"]["services"]
    return str(next(iter(services.values()))["health"]["url"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


STORIES: Mapping[str, Story] = {
    "ec2": Story(
        sample=Path("examples/hello/hello.json"),
        greeted={"greeting": "Hello again"},
        broken={"healthy": False},
        shipping="tag, push, CI, bundle, S3, SSM, host, healthy",
        caught="its health check catches it, the host stays on 0.1.1-dev",
        url=_host,
    ),
    "ecs": Story(
        example="ecs",
        sample=Path("service.json"),
        greeted={"greeting": "Hello again"},
        broken={"fault": "crash"},
        shipping="tag, push, CI, image, task definition, service, tasks by digest",
        caught="its tasks exit, and ECS goes back to 0.1.1-dev",
        url=_service,
    ),
}
