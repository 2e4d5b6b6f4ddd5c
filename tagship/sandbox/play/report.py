"""What `inv sandbox` does and says: each action returns lines for a person (80 columns) and a value for `--json`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship import settings
from tagship.errors import ServiceFailed, UsageError
from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import actions as actions_of
from tagship.sandbox.play import guards, practice
from tagship.sandbox.state import Running
from tagship.settings.ec2 import Ec2

BANNER = "=" * 80
MOST_HOSTS = 100  # of each environment


@dataclass(frozen=True)
class Outcome:
    lines: Sequence[str]
    value: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """An action as it was typed.

    `hosts` is 0 if none was given; `item` is what the action is about.
    """

    action: str
    hosts: int = 0
    item: str = ""
    yes: bool = False


def perform(request: Request, directory: Path) -> Outcome:
    """Do one action on the sandbox of the repository around `here`."""
    # Raises UsageError for an unknown action.
    root = settings.find(lifecycle.home(directory)).parent
    chosen = settings.load(root / settings.FILE)
    actions: dict[str, Callable[[], Outcome]] = {
        "up": lambda: _up(root, chosen, request.hosts),
        "down": lambda: _down(root, directory, request.yes),
        "status": lambda: _status(root),
        "reset": lambda: _reset(root, directory, chosen, request),
        "secret": lambda: _did(actions_of.keep_secret(_running(root), chosen, request.item)),
        "run-timer": lambda: _did(actions_of.play_timer(_running(root), chosen)),
        "rerun": lambda: _did(actions_of.run_again(_running(root), _runs(_running(root), 100))),
    }
    if request.action not in actions:
        choices = " | ".join(actions)
        raise UsageError(f"sandbox has no action {request.action!r}.", remedy=f"One of: inv sandbox {choices}")
    return actions[request.action]()


def _did(lines: Sequence[str]) -> Outcome:
    return Outcome(lines, {"done": True, "lines": list(lines)})


def _running(root: Path) -> Running:
    running = state.locate(root)
    if running is None:
        raise ServiceFailed("The sandbox is not running.", remedy="Start it: inv sandbox up")
    return running


def _up(root: Path, chosen: settings.Settings, hosts: int) -> Outcome:
    if not chosen.sandbox:
        raise UsageError(
            f"{settings.FILE} does not say `sandbox = true`, so that nothing would use a sandbox.",
            remedy="Say so for a while: export TAGSHIP_SANDBOX=true; inv sandbox up",
        )
    guards.require_libraries()
    guards.require_committed(root)
    result = lifecycle.up(root, _hosts(hosts), _count("TAGSHIP_SANDBOX_SIMULATED", 0, 1000))
    before = ["It was up already."] if result.already else []
    if result.cleaned:
        before = [f"The last one had crashed: cleared away {result.cleaned}.", "Its hosts and its AWS start empty."]
    simulated = _simulated(chosen)
    lines = [BANNER, *_about(result.running), *simulated, *before, "", *_next(root, result.running, chosen), BANNER]
    return Outcome(lines, {"up": True, "already": result.already, "cleaned": result.cleaned} | _value(result.running))


def _simulated(chosen: settings.Settings) -> list[str]:
    """List what the environments ask for and the sandbox only simulates."""
    # Loudly, as nothing else shows it.
    kinds = [hosts for environment in chosen.environments.values() if (hosts := environment.runs_on(Ec2))]
    lines = []
    if any(hosts.runtime == "docker" for hosts in kinds):
        lines.append("  SIMULATED: no container engine; the image's command runs as a plain process")
    if any(hosts.manager == "systemd" for hosts in kinds):
        lines.append("  SIMULATED: no systemd and no accounts; everything runs as you")
    if any(hosts.kind == "job" for hosts in kinds):
        lines.append("  SIMULATED: no timers; run the job by hand: inv sandbox run-timer")
    return lines


def _hosts(asked: int) -> int:
    if asked and not 1 <= asked <= MOST_HOSTS:
        raise UsageError(f"Invalid --hosts {asked}: 1 to {MOST_HOSTS}.", remedy="inv sandbox up --hosts 2")
    return asked or 1


def _count(variable: str, least: int, most: int) -> int:
    """Read a number of hosts from the environment; `least` if unset."""
    text = os.environ.get(variable, str(least))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(f"{variable} is {text!r}.", remedy=f"A number from {least} to {most}: {variable}=2")
    return int(text)


def _down(root: Path, directory: Path, sure: bool) -> Outcome:
    if not sure:
        guards.require_nothing_lost(root, directory)
    removed = lifecycle.down(root)
    line = "The sandbox is down; nothing of it is left." if removed else "There was no sandbox."
    return Outcome([line], {"up": False, "was": removed})


def _reset(root: Path, directory: Path, chosen: settings.Settings, request: Request) -> Outcome:
    guards.require_libraries()
    guards.require_committed(root)
    _down(root, directory, request.yes)
    return _up(root, chosen, request.hosts)


def _status(root: Path) -> Outcome:
    folder = root / state.FOLDER
    running = state.read(folder)
    if running is None or not state.alive(running):
        pids = [*processes.daemons(folder), *processes.belonging(folder)]
        lines = ["The sandbox is not up. Start it: inv sandbox up"]
        if running or pids:
            lines = [
                f"The sandbox has crashed; {len(pids)} of its processes are left.",
                "Start it again: inv sandbox up",
            ]
        return Outcome(lines, {"up": False, "crashed": bool(running or pids), "processes": len(pids)})
    runs = _runs(running)
    lines = [*_about(running), "", *(_run_line(run) for run in runs)] if runs else _about(running)
    return Outcome(lines, {"up": True, "runs": runs} | _value(running))


def _about(running: Running) -> list[str]:
    lines = ["SANDBOX  Nothing here is AWS or GitHub. It listens on 127.0.0.1 only."]
    lines += [f"  AWS      {running.aws_url}", f"  GitHub   {running.github_url}"]
    lines += [f"  origin   {_short(running.origin)}", f"  daemon   pid {running.pid}"]
    real = [host for host in running.hosts if host.port]
    lines += [f"  host     {host.name}  http://127.0.0.1:{host.port}  {host.id}" for host in real]
    if len(real) < len(running.hosts):
        lines.append(f"  hosts    {len(running.hosts) - len(real)} SIMULATED: they serve nothing")
    return lines


def _next(root: Path, running: Running, chosen: settings.Settings) -> list[str]:
    first = next(iter(chosen.environments))
    released = practice.git(running.origin, "tag", "--list")
    port = next((host.port for host in running.hosts if host.environment == first), 0)
    service = not any(hosts.kind == "job" for hosts in [chosen.environments[first].runs_on(Ec2)] if hosts)
    return [
        "A practice clone, on the branch dev, is ready. Type:",
        f"  cd {_short(running.work)}",
        f"  {_ship(root, first, first_time=not released)}",
        *([f"  curl http://127.0.0.1:{port}{chosen.environments[first].health.path}"] if port and service else []),
        "  inv sandbox status",
        "  cd - && inv sandbox down",
    ]


def _ship(root: Path, environment: str, *, first_time: bool) -> str:
    """Return the command that ships: the Makefile's, if it has one."""
    if actions_of.makefile_has(root, f"deploy-{environment}"):
        return f"make deploy-{environment}" + (" ARGS=--first" if first_time else "")
    return f"inv deploy-dev --env {environment}" + (" --first" if first_time else "")


def _short(path: Path) -> str:
    """Shorten a path to how it is typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _value(running: Running) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(running.to_json())
    return value


def _runs(running: Running, most: int = 5) -> list[dict[str, Any]]:
    """Read the last runs, newest first, as the runner recorded them."""
    files = sorted((running.folder / "runs").glob("*/run.json"), reverse=True)[:most]
    return [json.loads(path.read_text("utf-8")) for path in files]


def _run_line(run: dict[str, Any]) -> str:
    ended = run["conclusion"] or run["status"]
    return f"  run {run['id']}  {run['name'][:24]}  {run['head_branch'][:24]}  {ended}"
