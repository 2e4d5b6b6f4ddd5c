"""What a run's jobs see of GitHub: the contexts of expressions, and the variables of a step's environment.

https://docs.github.com/actions/reference/workflows-and-actions/contexts and …/variables
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.workflow import Workflow

# What a step inherits of this process: enough to be somebody on this machine and to reach the network.
INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
GIT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PIP_INDEX_URL", "PIP_CONFIG_FILE")


@dataclass(frozen=True)
class Place:
    """Where a run happens."""

    folder: Path  # runs/<id>
    origin: Path
    repository: str
    server_url: str
    token: str = field(default="", repr=False)


def github_context(place: Place, workflow: Workflow, run: RunRecord) -> dict[str, Any]:
    """Return the contexts that are the same in every job."""
    names = github_variables(place, workflow, run)
    context = {
        name.removeprefix("GITHUB_").lower(): value for name, value in names.items() if name.startswith("GITHUB_")
    }
    return {
        "github": context | {"token": place.token, "event": event_of(run)},
        "vars": {},
        "secrets": {"GITHUB_TOKEN": place.token},
        "inputs": dict(run.payload.get("inputs", {})) if run.event == "workflow_dispatch" else {},
    }


def event_of(run: RunRecord) -> dict[str, Any]:
    """Return what GitHub says of the event that started a run."""
    return {"ref": run.ref, "after": run.head_sha} | run.payload


def is_of_a_fork(place: Place, run: RunRecord) -> bool:
    """Tell whether a run is a fork's: it gets no credential."""
    head = run.payload.get("pull_request", {}).get("head", {}).get("repo", {})
    return str(head.get("full_name", place.repository)) != place.repository


def github_variables(place: Place, workflow: Workflow, run: RunRecord) -> dict[str, str]:
    """Return the variables that are the same in every step."""
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": run.actor or getpass.getuser(),
        "GITHUB_API_URL": place.server_url,
        "GITHUB_EVENT_NAME": run.event,
        "GITHUB_HEAD_REF": str(run.payload.get("pull_request", {}).get("head", {}).get("ref", "")),
        "GITHUB_REF": run.ref,
        "GITHUB_REF_NAME": run.ref.split("/", 2)[2],
        "GITHUB_REF_TYPE": "tag" if run.ref.startswith("refs/tags/") else "branch",
        "GITHUB_REPOSITORY": place.repository,
        "GITHUB_REPOSITORY_OWNER": place.repository.split("/", maxsplit=1)[0],
        "GITHUB_RUN_ATTEMPT": str(run.attempt),
        "GITHUB_RUN_ID": str(run.id),
        "GITHUB_RUN_NUMBER": str(run.number),
        "GITHUB_SERVER_URL": place.server_url,
        "GITHUB_SHA": run.head_sha,
        "GITHUB_WORKFLOW": workflow.name,
        "GITHUB_WORKFLOW_REF": f"{place.repository}/{workflow.path}@{run.ref}",
    }


def runner_context(folder: Path) -> dict[str, str]:
    """Return the context `runner` of a job in this folder."""
    return {"os": _os(), "arch": platform.machine(), "name": "sandbox", "temp": str(folder / "temp")}


def runner_variables(folder: Path) -> dict[str, str]:
    """Return the runner's own variables for a job in this folder."""
    return {f"RUNNER_{name.upper()}": value for name, value in runner_context(folder).items()}


def inherited_variables() -> dict[str, str]:
    """Return what a step has of this process's environment."""
    return {name: os.environ[name] for name in (*INHERITED, *GIT, *PROXIES) if name in os.environ}


def _os() -> str:
    return "macOS" if sys.platform == "darwin" else "Linux"
