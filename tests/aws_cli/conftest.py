"""The AWS CLI that REAL_AWS names, and the sandbox of the journey with functions."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.test_deploy_to_functions import Place, place

__all__ = ["aws", "place"]
Cli = Callable[..., Any]


@pytest.fixture
def aws(place: Place) -> Cli:
    """Run a command of the CLI against the sandbox; returns what its JSON says. Needs REAL_AWS, the program's path."""
    program, running = os.environ["REAL_AWS"], place.running
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.root),
        "AWS_ACCESS_KEY_ID": running.keys.access,
        "AWS_SECRET_ACCESS_KEY": running.keys.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": running.aws_url,
        "AWS_PAGER": "",
    }

    def run(*arguments: str) -> Any:
        done = subprocess.run([program, *arguments], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
