"""The AWS CLI that REAL_AWS names, and the sandbox of the journey with functions."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.state import Running
from tests.journeys.test_deploy_to_functions import Place, place

__all__ = ["aws", "place"]
Cli = Callable[..., Any]


def variables(running: Running, home: Path) -> dict[str, str]:
    """What a shell has in which the CLI asks a sandbox."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": running.keys.access,
        "AWS_SECRET_ACCESS_KEY": running.keys.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": running.aws_url,
        "AWS_PAGER": "",
    }


def commands(running: Running, home: Path) -> Cli:
    """Run commands of the CLI against a sandbox; each returns its JSON. Needs REAL_AWS, the program's path."""
    program = os.environ["REAL_AWS"]

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [program, *arguments], env=variables(running, home), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def aws(place: Place) -> Cli:
    return commands(place.running, place.root)
