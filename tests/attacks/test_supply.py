"""What comes from outside runs where nothing can be done with it: packages, builds, other jobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[2]


def jobs() -> list[tuple[str, dict[str, Any]]]:
    """Every job of every workflow, by its file and name."""
    files = sorted((TOP / ".github/workflows").glob("*.yml"))
    read = [(file.name, yaml.safe_load(file.read_text("utf-8"))["jobs"]) for file in files]
    return [(f"{name}: {key}", job) for name, every in read for key, job in every.items()]


def with_an_identity() -> list[tuple[str, dict[str, Any]]]:
    """The jobs that AWS credentials are given to."""
    chosen = [(name, job) for name, job in jobs() if job.get("permissions", {}).get("id-token") == "write"]
    assert len(chosen) > 1
    return chosen


def test_a_job_with_an_identity_installs_what_runs_and_no_tool_of_development() -> None:
    action = yaml.safe_load((TOP / ".github/actions/setup/action.yml").read_text("utf-8"))
    installs = "\n".join(step.get("run", "") for step in action["runs"]["steps"])
    assert re.findall(r"\bpip install .*", installs) == [
        "pip install --quiet --require-hashes -r constraints-runtime.txt"
    ]
    for name, job in with_an_identity():
        steps = "\n".join(step.get("run", "") for step in job["steps"])
        assert not re.search(r"\b(pip|make|nox|npm|npx|uv)\b", steps), name
