"""What a person does to a sandbox that is up: put in a secret, run a timer, run a failed CI run again."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from typing import Any

from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.sandbox.hosts.local import LocalHost
from tagship.sandbox.play import secrets
from tagship.sandbox.state import Running, SandboxHost
from tagship.settings import Settings
from tagship.settings.ec2 import Ec2


def keep_secret(running: Running, chosen: Settings, pair: str) -> list[str]:
    """Put NAME=value wherever the settings have secrets."""
    # Returns lines that name the places and no value.
    name, equals, value = pair.partition("=")
    if not value:
        secrets.require_value(chosen, name, given=bool(equals))
    places = secrets.put(chosen, _clients(running, chosen), name, value)
    return [*(f"SANDBOX: {name} is kept as {place}." for place in places), f"{_next_version(running)} has it."]


def remove_secret(running: Running, chosen: Settings, pair: str) -> list[str]:
    """Remove NAME wherever the settings have secrets."""
    # Returns lines that name the places.
    name, clients = pair.partition("=")[0], _clients(running, chosen)
    lines = [f"SANDBOX: {place} is removed." for place in secrets.remove(chosen, clients, name)]
    bare = secrets.bare_paths(chosen, clients)
    if bare:
        return [*lines, f"Nothing is left below {' and '.join(bare)}, and no version is published until something is."]
    return [*lines, f"{_next_version(running)} is without {name}."]


def _next_version(running: Running) -> str:
    return f"The next version that is published from {running.work}"


def _clients(running: Running, chosen: Settings) -> secrets.Clients:
    """Return what makes a client of the sandbox's AWS for a service."""

    def client(service: str) -> Any:
        import boto3

        make: Any = boto3.client
        return make(service, region_name=chosen.aws.region, endpoint_url=running.aws_url, **running.keys.signed())

    return client


def play_timer(running: Running, chosen: Settings) -> list[str]:
    """Run each host's job once, as its timer would."""
    # Raises ServiceFailed, naming the first that fails.
    jobs = [host for host in running.hosts if host.port and _is_job(chosen, host.environment)]
    if not jobs:
        raise UsageError(
            "No environment runs a job.", remedy='One that does has kind = "job" in [environments.<name>.ec2]'
        )
    return [line for host in jobs for line in _run_job(running, chosen, host)]


def _is_job(chosen: Settings, environment: str) -> bool:
    hosts = chosen.environments[environment].runs_on(Ec2) if environment in chosen.environments else None
    return hosts is not None and hosts.kind == "job"


def _run_job(running: Running, chosen: Settings, host: SandboxHost) -> list[str]:
    unit = f"{chosen.app}@job.service"
    if not (host.root / "etc/systemd/system" / unit).is_file():
        raise Refused(f"{host.name} has no job yet.", remedy="Deploy one first: inv deploy-dev")
    place = chosen.account(host.environment)
    local = LocalHost(host.id, host.root, running.aws_url, place.region, running.keys, place.account)
    variables = local.variables()
    code = _on(host, variables, "systemctl", "start", unit).returncode
    log = _on(host, variables, "journalctl", "--unit", unit, "--lines", "20").stdout.rstrip()
    if code:
        raise ServiceFailed(
            f"The job failed on {host.name}.",
            state="What is deployed stays as it is.",
            remedy="Fix it, then ship the next version: inv deploy-dev",
            evidence=log,
        )
    return [f"SANDBOX: the job ran on {host.name}, exit code 0.", *log.splitlines()]


def _on(host: SandboxHost, variables: Any, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of the host's own programs there."""
    return subprocess.run(
        [str(host.root / "bin" / program), *words],
        env=dict(variables), cwd=host.root, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip


def run_again(running: Running, runs: list[dict[str, Any]]) -> list[str]:
    """Run the newest failed run again, by the stand-in for GitHub's API."""
    failed = next((run for run in runs if run["conclusion"] in {"failure", "cancelled"}), None)
    if failed is None:
        raise Refused("No run has failed.", remedy="See the runs: inv sandbox status")
    url = f"{running.github_url}/repos/{running.repository}/actions/runs/{failed['id']}/rerun"
    try:
        urllib.request.urlopen(authorized(running, url), timeout=10).close()  # noqa: S310 - loopback
    except OSError as reason:
        raise ServiceFailed(
            f"Run {failed['id']} cannot be run again: {_reason(reason)}.",
            remedy="See how it stands: inv sandbox status",
        ) from reason
    return [f"SANDBOX: run {failed['id']} ({failed['head_branch']}) runs again.", "See how it goes: inv sandbox status"]


def authorized(running: Running, url: str) -> urllib.request.Request:
    """Build a request that the sandbox's own keys allow."""
    headers = {"Authorization": f"token {running.keys.token}"}
    return urllib.request.Request(url, headers=headers, method="POST")  # noqa: S310 - loopback


def _reason(problem: OSError) -> str:
    if isinstance(problem, urllib.error.HTTPError):
        return str(json.loads(problem.read())["message"])
    return str(problem)
