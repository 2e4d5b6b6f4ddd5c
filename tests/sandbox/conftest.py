"""A sandbox for the tests of it: one a worker, of a repository of its own, in a folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tests.sandbox.head import head

SETTINGS = (
    head("tiny")
    + """\
[environments.dev]
branch = "dev"
[environments.dev.ec2]
tags = { "tagship:app" = "tiny", "tagship:environment" = "dev" }
command = ["python3", "app.py"]
"""
)
UP = """
import sys; from pathlib import Path; from tagship.sandbox import lifecycle
lifecycle.up(Path(sys.argv[1]), int(sys.argv[2]))
"""
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *IDENTITY, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A Git repository with tagship.toml and the files given, in one commit."""
    for name, text in {"tagship.toml": SETTINGS, ".gitignore": ".tagship\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


def start(root: Path, hosts: int = 1) -> Running:
    """Bring a sandbox up in a process of its own, as a person would."""
    subprocess.run([sys.executable, "-c", UP, str(root), str(hosts)], check=True)
    running = state.locate(root)
    assert running
    return running


def authorized(running: Running, url: str, *, method: str = "GET", data: bytes | None = None) -> urllib.request.Request:
    """A request that the sandbox's token goes with."""
    return urllib.request.Request(url, data, {"Authorization": f"token {running.keys.token}"}, method=method)


def post(running: Running, path: str, value: object = None) -> None:
    """One of the switches under /sandbox/."""
    data = json.dumps(value or {}).encode()
    request = authorized(running, f"{running.aws_url}/sandbox/{path}", method="POST", data=data)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until `look` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def client(running: Running, service: str, config: Any = None, account: str = "", region: str = "us-east-1") -> Any:
    import boto3

    return boto3.client(
        service,
        region_name=region,
        endpoint_url=running.aws_url,
        config=config,
        **running.keys.signed(account),
    )


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running sandbox with three hosts."""
    root = repository(tmp_path_factory.mktemp("sandbox"), {})
    running = start(root, hosts=3)
    yield running
    lifecycle.down(root)
    assert not processes.belonging(running.folder)
    assert not processes.exists(running.pid)


@pytest.fixture(scope="session")
def s3(sandbox: Running) -> Any:
    return client(sandbox, "s3")


@pytest.fixture(scope="session")
def ssm(sandbox: Running) -> Any:
    return client(sandbox, "ssm")


@pytest.fixture
def host(sandbox: Running) -> str:
    return sandbox.hosts[0].id


@pytest.fixture
def pace(sandbox: Running) -> Iterator[Callable[..., None]]:
    """How the sandbox's time passes, for one test: pace(scale=0.01), pace(visible_after=0.3)."""
    yield lambda **asked: post(sandbox, "faults", asked)
    post(sandbox, "faults", {"scale": 1.0, "visible_after": 0.0})
