"""Stop and start a host of the sandbox: whoever practises an incident needs one that can't be reached."""

from __future__ import annotations

import urllib.request

from tagship.domain import commands
from tagship.domain.text import either
from tagship.errors import ServiceFailed, UsageError
from tagship.sandbox.play.actions import authorized
from tagship.sandbox.state import Running, SandboxHost


def stop(running: Running, name: str) -> list[str]:
    """Take a host out of AWS's reach."""
    host = _switched(running, name, "stop-host", "offline")
    return [
        f"SANDBOX: {host.name} of {host.environment} is stopped for AWS: no order reaches it.",
        "What it served goes on serving here.",
        f"See it: {commands.status(host.environment)}",
        f"Start it again: {commands.sandbox('start-host', host.name)}",
    ]


def start(running: Running, name: str) -> list[str]:
    """Bring a host back into AWS's reach."""
    host = _switched(running, name, "start-host", "online")
    return [
        f"SANDBOX: {host.name} of {host.environment} can be reached again.",
        f"Bring it to what runs there: {commands.heal(host.environment)}",
    ]


def _switched(running: Running, name: str, action: str, word: str) -> SandboxHost:
    host = _host(running, name, action)
    try:
        url = f"{running.aws_url}/sandbox/hosts/{host.id}/{word}"
        urllib.request.urlopen(authorized(running, url), timeout=10).close()  # noqa: S310 - loopback
    except OSError as reason:
        raise ServiceFailed(
            f"The sandbox did not take it: {reason}.", remedy=f"See how it is: {commands.sandbox('status')}"
        ) from reason
    return host


def _host(running: Running, name: str, action: str) -> SandboxHost:
    """Find a host by its name or id. Raises UsageError."""
    hosts = [host for host in running.hosts if host.id.startswith("i-")]
    host = next((host for host in hosts if name in (host.name, host.id)), None)
    if host is None:
        raise UsageError(
            f"The sandbox has no host {name!r}.",
            remedy=either(
                f"Name one of its hosts: {commands.sandbox(action, hosts[0].name if hosts else name)}",
                f"Or see them all: {commands.sandbox('status')}",
            ),
        )
    return host
