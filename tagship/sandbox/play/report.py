"""What `inv sandbox` does and says: each action returns lines for a person (80 columns) and a value for `--json`."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tagship import settings
from tagship.domain import commands
from tagship.domain.text import counted
from tagship.errors import Refused, SettingsError, UsageError
from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import actions as actions_of
from tagship.sandbox.play import guards, hanging, practice, typed
from tagship.sandbox.play import hosts as hosts_of
from tagship.sandbox.play import services as services_of
from tagship.sandbox.play.pull_requests import PullRequest
from tagship.sandbox.play.simulated import simulated
from tagship.sandbox.state import Running
from tagship.settings.ec2 import Ec2

BANNER = "=" * 80
MOST_HOSTS = 100  # of each environment
SLOW = frozenset({"up", "down", "reset", "pull-request"})  # actions that take seconds, and show their phases


@dataclass(frozen=True)
class Outcome:
    lines: Sequence[str]
    value: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """An action as it was typed.

    `hosts` is empty if none was given; `item` is what the action is about. `show` is told each phase as it begins.
    """

    action: str
    hosts: str = ""
    item: str = ""
    remove: bool = False
    yes: bool = False
    show: Callable[[str], None] = lifecycle.unseen


def perform(request: Request, directory: Path) -> Outcome:
    """Do one action on the sandbox of the repository around `directory`."""
    # Raises UsageError for an unknown action.
    root = guards.repository(lifecycle.home(directory))
    chosen = settings.load(root / settings.FILE)
    actions: dict[str, Callable[[], Outcome]] = {
        "up": lambda: _up(root, directory, chosen, request),
        "down": lambda: _down(root, directory, request),
        "status": lambda: _status(root),
        "reset": lambda: _reset(root, directory, chosen, request),
        "secret": lambda: _secret(_running(root), request),
        "run-timer": lambda: _did(actions_of.play_timer(_running(root), _shipped(_running(root)))),
        "stop-host": lambda: _did(hosts_of.stop(_running(root), request.item)),
        "start-host": lambda: _did(hosts_of.start(_running(root), request.item)),
        "pull-request": lambda: _did(_pull(_running(root), request)),
        "rerun": lambda: _did(actions_of.run_again(_running(root), _runs(_running(root), 100))),
    }
    if request.action not in actions:
        raise UsageError(
            f"sandbox has no action {request.action!r}; it has {', '.join(actions)}.",
            remedy="See what each does: inv sandbox --help",
        )
    _require_taken(request)
    return actions[request.action]()


def _require_taken(request: Request) -> None:
    """Raise UsageError for a flag that is another action's."""
    # Nothing that was typed is dropped in silence.
    for given, flag, takers in (
        (request.hosts, "hosts", ("up", "reset")),
        (request.remove, "remove", ("secret", "pull-request")),
    ):
        if given and request.action not in takers:
            raise UsageError(
                f"sandbox {request.action} takes no --{flag}: {' and '.join(takers)} {'do' if takers[1:] else 'does'}.",
                remedy="See what each takes: inv sandbox --help",
            )


def _did(lines: Sequence[str]) -> Outcome:
    return Outcome(lines, {"done": True, "lines": list(lines)})


def _secret(running: Running, request: Request) -> Outcome:
    act = actions_of.remove_secret if request.remove else actions_of.keep_secret
    return _did(act(running, _shipped(running), request.item))


def _pull(running: Running, request: Request) -> list[str]:
    pull = PullRequest(running, request.item, request.show)
    return pull.close() if request.remove else pull.push()


def _shipped(running: Running) -> settings.Settings:
    """Load the settings of the checkout that ships: the practice clone's."""
    return settings.load(running.work / settings.FILE)


def _running(root: Path) -> Running:
    return state.require(root)


def _up(root: Path, directory: Path, chosen: settings.Settings, request: Request) -> Outcome:
    if running := state.locate(root):
        with suppress(SettingsError):  # within a clone, above the folders of the apps
            state.require_own(running, settings.find(directory).parent)
    _require_ready(root, chosen)
    return _started(root, chosen, _count_hosts(root, request), request.show)


def _require_ready(root: Path, chosen: settings.Settings) -> None:
    if not chosen.sandbox:
        raise UsageError(
            f"{settings.FILE} does not say `sandbox = true`, so nothing would use the sandbox.",
            remedy="To use it for now: export TAGSHIP_SANDBOX=true && inv sandbox up",
        )
    guards.require_libraries()
    guards.require_committed(root, _shipping(chosen)[0])


def _shipping(chosen: settings.Settings) -> tuple[str, ...]:
    """List the branches that environments ship from; dev if none is named."""
    named = (environment.branch for environment in chosen.environments.values())
    return tuple(dict.fromkeys(branch for branch in named if branch)) or ("dev",)


def _started(root: Path, chosen: settings.Settings, hosts: int, show: Callable[[str], None]) -> Outcome:
    hosts = hosts if any(environment.target.has_hosts for environment in chosen.environments.values()) else 0
    up = lifecycle.up(root, hosts, _count("TAGSHIP_SANDBOX_SIMULATED", 0, 1000), _shipping(chosen), show)
    before = [f"It was up already{f', for the app in {up.running.within}' if up.running.within else ''}."]
    before = before if up.already else []
    if up.already:
        if pid := hanging.silent(up.running):
            raise hanging.error(pid)
        _require_as_many(up.running, hosts)
    if up.cleaned:
        before = [f"The last sandbox had crashed; removed {up.cleaned}.", "Its hosts and its AWS start empty."]
    lines = [BANNER, *_about(up.running), *simulated(chosen), *before, "", *_next(root, up.running, chosen), BANNER]
    return Outcome(lines, {"up": True, "already": up.already, "cleaned": up.cleaned} | _value(up.running))


def _count_hosts(root: Path, request: Request) -> int:
    """Count each environment's hosts: as given, or as the last sandbox had."""
    last = state.read(root / state.FOLDER)
    hosts = _hosts_of(last) if last else 0
    if not request.hosts:
        return hosts or 1
    if not (request.hosts.isascii() and request.hosts.isdigit() and 1 <= int(request.hosts) <= MOST_HOSTS):
        raise UsageError(
            f"Invalid --hosts {request.hosts}: 1 to {MOST_HOSTS}.", remedy=commands.sandbox(request.action, hosts=2)
        )
    return int(request.hosts)


def _hosts_of(running: Running) -> int:
    """Count the hosts of an environment that are not simulated."""
    return max(Counter(host.environment for host in running.hosts if host.port).values(), default=0)


def _require_as_many(running: Running, hosts: int) -> None:
    """Raise Refused if a running sandbox has another number of hosts."""
    has = _hosts_of(running)
    if has and has != hosts:
        raise Refused(
            f"The sandbox runs with {counted(has, 'host')} an environment; that can't become {hosts} while it is up.",
            state="It runs as it did.",
            remedy=f"Start it again, with empty hosts: {commands.sandbox('reset', hosts=hosts)}",
        )


def _count(variable: str, least: int, most: int) -> int:
    """Read a number of hosts from the environment; `least` if unset."""
    text = os.environ.get(variable, str(least))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(f"{variable} is {text!r}.", remedy=f"A number from {least} to {most}: {variable}=2")
    return int(text)


def _down(root: Path, directory: Path, request: Request) -> Outcome:
    if not request.yes:
        hosts = int(request.hosts) if request.action == "reset" and request.hosts else 0
        guards.require_nothing_lost(root, directory, partial(commands.sandbox, request.action, hosts=hosts))
    silent = hanging.silent(state.read(root / state.FOLDER))
    request.show("ending what runs in it")
    removed = lifecycle.down(root)
    if left := processes.daemons(root / state.FOLDER):
        raise hanging.unending(left[0])
    killed = [f"Its daemon (pid {silent}) did not answer, and was killed."] if silent else []
    line = "The sandbox is down; nothing of it is left." if removed else "There was no sandbox."
    return Outcome([*killed, line], {"up": False, "was": removed})


def _reset(root: Path, directory: Path, chosen: settings.Settings, request: Request) -> Outcome:
    """Remove the sandbox and start it again with as many hosts."""
    # All that could refuse is asked before anything is removed.
    _require_ready(root, chosen)
    hosts = _count_hosts(root, request)
    _down(root, directory, request)
    return _started(root, chosen, hosts, request.show)


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
    if pid := hanging.silent(running):
        raise hanging.error(pid)
    runs = _runs(running)
    lines = [*_about(running), "", *(_run_line(run) for run in runs)] if runs else _about(running)
    return Outcome(lines, {"up": True, "runs": runs} | _value(running))


def _about(running: Running) -> list[str]:
    lines = ["SANDBOX  Nothing here is AWS or GitHub. It listens on 127.0.0.1 only."]
    lines += [f"  AWS      {running.aws_url}", f"  GitHub   {running.github_url}"]
    lines += [f"  origin   {_short(running.origin)}", f"  daemon   pid {running.pid}"]
    real = [host for host in running.hosts if host.port]
    groups = [host for host in real if host.id == host.name]
    lines += [f"  host     {host.name}  http://127.0.0.1:{host.port}  {host.id}" for host in real if host not in groups]
    lines += [f"  group    {group.name}  http://127.0.0.1:{group.port}" for group in groups]
    if len(real) < len(running.hosts):
        lines.append(f"  hosts    {len(running.hosts) - len(real)} SIMULATED: they serve nothing")
    return lines


def _next(root: Path, running: Running, chosen: settings.Settings) -> list[str]:
    first = next(iter(chosen.environments))
    released = practice.git(running.origin, "tag", "--list")
    port = next((host.port for host in running.hosts if host.environment == first), 0)
    service = not any(hosts.kind == "job" for hosts in [chosen.environments[first].runs_on(Ec2)] if hosts)
    branch = practice.git(running.work, "branch", "--show-current") or "no branch"
    inside = Path.cwd().is_relative_to(running.work)
    return [
        f"A practice clone, on the branch {branch}, is ready. Type:",
        *([] if inside else [f"  cd {shlex.quote(_short(running.work))}"]),
        f"  {typed.ship(root, first, first_time=not released)}",
        *([f"  curl http://127.0.0.1:{port}{chosen.environments[first].health.path}"] if port and service else []),
        *(f"  curl {url}" for url in services_of.here(chosen.environments[first])),
        f"  {typed.sandbox(root, 'status')}",
        f"  cd {shlex.quote(str(root)) if inside else '-'} && {typed.sandbox(root, 'down')}",
    ]


def _short(path: Path) -> str:
    """Shorten a path to how it is typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _value(running: Running) -> dict[str, Any]:
    """Return what is printed of a sandbox: not its keys."""
    value: dict[str, Any] = json.loads(running.to_json())
    return {name: part for name, part in value.items() if name != "keys"}


def _runs(running: Running, most: int = 5) -> list[dict[str, Any]]:
    """Read the last runs, newest first, as the runner recorded them."""
    files = sorted((running.folder / "runs").glob("*/run.json"), reverse=True)[:most]
    return [json.loads(path.read_text("utf-8")) for path in files]


def _run_line(run: dict[str, Any]) -> str:
    ended = run["conclusion"] or run["status"]
    return f"  run {run['id']}  {run['name'][:24]}  {run['head_branch'][:24]}  {ended}"
