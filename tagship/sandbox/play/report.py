"""What `inv sandbox` does and says: each action returns lines for a person (80 columns) and a value for `--json`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship import settings
from tagship.errors import UsageError
from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import practice
from tagship.sandbox.state import Running

BANNER = "=" * 80


@dataclass(frozen=True)
class Said:
    lines: Sequence[str]
    value: dict[str, Any]


def perform(action: str, file: Path) -> Said:
    """One action on the sandbox of the repository whose settings are in `file`; raises UsageError for another word."""
    root = lifecycle.home(file.parent)
    chosen = settings.load(root / settings.FILE)
    actions: dict[str, Callable[[], Said]] = {
        "up": lambda: _up(root, chosen),
        "down": lambda: _down(root),
        "status": lambda: _status(root),
        "reset": lambda: _reset(root, chosen),
    }
    if action not in actions:
        raise UsageError(f"sandbox knows no {action!r}.", remedy="One of: inv sandbox up | down | status | reset")
    return actions[action]()


def _up(root: Path, chosen: settings.Settings) -> Said:
    if not chosen.sandbox:
        raise UsageError(
            f"{settings.FILE} does not say `sandbox = true`, so that nothing would use a sandbox.",
            remedy="Say so for a while: export TAGSHIP_SANDBOX=true; inv sandbox up",
        )
    lifecycle.require_root(root)
    done = lifecycle.up(root, _count("TAGSHIP_SANDBOX_HOSTS", 1, 100), _count("TAGSHIP_SANDBOX_SIMULATED", 0, 1000))
    before = ["It was up already."] if done.already else []
    if done.cleaned:
        before = [f"The last one had crashed: cleared away {done.cleaned}.", "Its hosts and its AWS start empty."]
    lines = [BANNER, *_about(done.running), *before, "", *_next(done.running, chosen), BANNER]
    return Said(lines, {"up": True, "already": done.already, "cleaned": done.cleaned} | _value(done.running))


def _count(variable: str, least: int, most: int) -> int:
    """A number of hosts from the environment; `least` where it is not set."""
    text = os.environ.get(variable, str(least))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(f"{variable} is {text!r}.", remedy=f"A number from {least} to {most}: {variable}=2")
    return int(text)


def _down(root: Path) -> Said:
    there = lifecycle.down(root)
    line = "The sandbox is down; nothing of it is left." if there else "There was no sandbox."
    return Said([line], {"up": False, "was": there})


def _reset(root: Path, chosen: settings.Settings) -> Said:
    lifecycle.down(root)
    return _up(root, chosen)


def _status(root: Path) -> Said:
    folder = root / state.FOLDER
    running = state.read(folder)
    if running is None or not state.alive(running):
        left = processes.belonging(folder)
        lines = ["The sandbox is not up. Start it: inv sandbox up"]
        if running or left:
            lines = [
                f"The sandbox has crashed; {len(left)} of its processes are left.",
                "Start it anew: inv sandbox up",
            ]
        return Said(lines, {"up": False, "crashed": bool(running or left), "processes": len(left)})
    runs = _runs(running)
    lines = [*_about(running), "", *(_run_line(run) for run in runs)] if runs else _about(running)
    return Said(lines, {"up": True, "runs": runs} | _value(running))


def _about(running: Running) -> list[str]:
    lines = ["SANDBOX  Nothing here is AWS or GitHub. It listens on 127.0.0.1 only."]
    lines += [f"  AWS      {running.aws_url}", f"  GitHub   {running.github_url}"]
    lines += [f"  origin   {_short(running.origin)}", f"  daemon   pid {running.pid}"]
    real = [host for host in running.hosts if host.port]
    lines += [f"  host     {host.name}  http://127.0.0.1:{host.port}  {host.id}" for host in real]
    if len(real) < len(running.hosts):
        lines.append(f"  hosts    {len(running.hosts) - len(real)} SIMULATED: they serve nothing")
    return lines


def _next(running: Running, chosen: settings.Settings) -> list[str]:
    first = next(iter(chosen.environments))
    released = practice.git(running.origin, "tag", "--list")
    port = next((host.port for host in running.hosts if host.environment == first), 0)
    return [
        "A practice clone, on the branch dev, is ready. Type:",
        f"  cd {_short(running.work)}",
        f"  make deploy-{first}" if released else f"  make deploy-{first} ARGS=--first",
        *([f"  curl http://127.0.0.1:{port}{chosen.environments[first].health.path}"] if port else []),
        "  inv sandbox status",
        "  inv sandbox down",
    ]


def _short(path: Path) -> str:
    """A path as it is typed from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _value(running: Running) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(running.to_json())
    return value


def _runs(running: Running) -> list[dict[str, Any]]:
    """The last five runs, newest first, as the runner recorded them."""
    found = sorted((running.folder / "runs").glob("*/run.json"), reverse=True)[:5]
    return [json.loads(path.read_text("utf-8")) for path in found]


def _run_line(run: dict[str, Any]) -> str:
    ended = run["conclusion"] or run["status"]
    return f"  run {run['id']}  {run['name'][:24]}  {run['head_branch'][:24]}  {ended}"
