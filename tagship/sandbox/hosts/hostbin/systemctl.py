"""`systemctl` and `journalctl` of a sandbox's host: units are files of its folder, and a job runs as a plain process.

    systemctl.py HOST_ROOT (systemctl|journalctl) ARGUMENTS…

Follows systemctl(1), journalctl(1) and systemd.service(5) as far as deploy/host/job.sh needs them. Does not model:
accounts, limits, sandboxing, services that keep running, and when a timer is due: `inv sandbox run-timer` is its clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(sys.argv[1])
UNITS = ROOT / "etc/systemd/system"
STATES = ROOT / "run/systemd"
NEVER = {
    "ActiveState": "inactive",
    "Result": "success",
    "ExecMainStatus": "0",
    "ExecMainStartTimestamp": "",
    "MainPID": "0",
}
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")  # what a unit gets of the environment


def main() -> int:
    program, words = sys.argv[2], sys.argv[3:]
    if program == "journalctl":
        return journal(words)
    flags = [word for word in words if word.startswith("-")]
    names = [word for word in words if not word.startswith("-")]
    verb, names = (names[0], names[1:]) if names else ("", [])
    if verb not in VERBS:
        print(f"SANDBOX: systemctl {verb} is not played; this machine's own systemd is left alone.", file=sys.stderr)
        return 1
    return VERBS[verb](names, "--now" in flags)


def start(names: list[str], _now: bool) -> int:
    return max([_start(name) for name in names], default=0)


def restart(names: list[str], now: bool) -> int:
    stop(names, now)
    return start(names, now)


def _start(name: str) -> int:
    if not _file(name).is_file():
        print(f"Unit {name} not found.", file=sys.stderr)
        return 5
    if name.endswith(".timer"):
        _write(name, {"ActiveState": "active"})
        return 0
    return _run(name, _file(name).read_text("utf-8"))


def _run(name: str, unit: str) -> int:
    """Run a Type=oneshot unit to its end; return 1 if it failed."""
    if "Type=oneshot" not in unit:
        print(f"SANDBOX: {name} is not a job; only jobs are started here.", file=sys.stderr)
        return 1
    instance = name.partition("@")[2].rpartition(".")[0]
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    command = shlex.split(line.removeprefix("ExecStart=").replace("%i", instance))
    with _log(name).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=ROOT,
            env={variable: os.environ[variable] for variable in KEPT if variable in os.environ},
        )
    began = time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime())
    _write(name, {"ActiveState": "activating", "ExecMainStartTimestamp": began, "MainPID": str(process.pid)})
    code = process.wait()
    result = "success" if code == 0 else "signal" if code < 0 else "exit-code"
    ended = {"Result": result, "ExecMainStatus": str(abs(code)), "ExecMainStartTimestamp": began}
    _write(name, {"ActiveState": "failed" if code else "inactive", **ended})
    return 1 if code else 0


def stop(names: list[str], _now: bool) -> int:
    for name in names:
        pid = int(_state(name)["MainPID"])
        if _state(name)["ActiveState"] == "activating" and pid > 1:
            _signal(-pid, signal.SIGTERM)
        for stray in _of_record(name):
            _signal(stray, signal.SIGTERM)
        if name.endswith(".timer"):
            _write(name, {"ActiveState": "inactive"})
    return 0


def _of_record(name: str) -> Iterator[int]:
    """Yield the processes of a colour that the process manager started."""
    # It did while the app was a service, before it became a job.
    app, _, colour = name.rpartition(".")[0].partition("@")
    if not colour and app.endswith("-proxy"):
        app, colour = app[: -len("-proxy")], "proxy"
    mark = f"_TAGSHIP_RECORD={ROOT}/opt/{app}/run/{colour}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(-pid, number) if pid < 0 else os.kill(pid, number)


def show(names: list[str], _now: bool) -> int:
    words = sys.argv[4:]
    wanted = [name for at, word in enumerate(words) if word == "-p" for name in words[at + 1].split(",")]
    state = {"NRestarts": "0", "SubState": "dead", "MemoryPeak": "[not set]", **_state(names[-1])}
    for key in wanted:
        print(state.get(key, "") if "--value" in words else f"{key}={state.get(key, '')}")
    return 0


def is_active(names: list[str], _now: bool) -> int:
    return 0 if _state(names[0])["ActiveState"] == "active" else 3


def enable(names: list[str], now: bool) -> int:
    for name in names:
        link = _link(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(_file(name))
    return start(names, now) if now else 0


def disable(names: list[str], now: bool) -> int:
    for name in names:
        _link(name).unlink(missing_ok=True)
    return stop(names, now) if now else 0


def _link(name: str) -> Path:
    return UNITS / ("timers.target.wants" if name.endswith(".timer") else "multi-user.target.wants") / name


def reset_failed(names: list[str], _now: bool) -> int:
    for name in names:
        if _state(name)["ActiveState"] == "failed":
            _write(name, {**_state(name), "ActiveState": "inactive"})
    return 0


def nothing(_names: list[str], _now: bool) -> int:
    return 0


def journal(words: list[str]) -> int:
    """Print what units wrote; each line has the time of its file's last."""
    unit, lines = words[words.index("--unit") + 1], int(words[words.index("--lines") + 1])
    timed = "short-unix" in words
    since = float(words[words.index("--since") + 1].removeprefix("@")) if timed else 0.0
    host = unit.partition("@")[0]
    STATES.mkdir(parents=True, exist_ok=True)
    for file in sorted(STATES.glob(f"{unit}.log")):
        at = file.stat().st_mtime
        if at >= since:
            before = f"{at:.6f} {host} {host}: " if timed else ""
            written = file.read_text("utf-8", errors="replace").splitlines()[-lines:]
            print("\n".join(f"{before}{line}" for line in written))
    return 0


def _file(name: str) -> Path:
    """Return the unit's file."""
    # Of a template's instance, its own if there is one.
    own = UNITS / name
    return own if own.is_file() or "@" not in name else UNITS / re.sub(r"@.*\.", "@.", name)


def _log(name: str) -> Path:
    STATES.mkdir(parents=True, exist_ok=True)
    return STATES / f"{name}.log"


def _state(name: str) -> dict[str, str]:
    try:
        return {**NEVER, **json.loads((STATES / f"{name}.json").read_text("utf-8"))}
    except (OSError, ValueError):
        return dict(NEVER)


def _write(name: str, state: dict[str, str]) -> None:
    STATES.mkdir(parents=True, exist_ok=True)
    partial = STATES / f"{name}.{os.getpid()}"
    partial.write_text(json.dumps(state), "utf-8")
    partial.replace(STATES / f"{name}.json")


VERBS: dict[str, Callable[[list[str], bool], int]] = {
    "start": start,
    "restart": restart,
    "stop": stop,
    "show": show,
    "is-active": is_active,
    "enable": enable,
    "reenable": enable,
    "disable": disable,
    "reset-failed": reset_failed,
    "daemon-reload": nothing,
}

if __name__ == "__main__":
    sys.exit(main())
