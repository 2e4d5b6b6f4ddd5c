"""The programs on a host's PATH: stand-ins for what a real host has and this machine may lack."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

TOOLS = Path(__file__).parent / "hostbin"
ALWAYS = ("aws", "tagship-proxy")
# Programs that would act outside the host's folder: each is played inside it, does nothing, or says what it would do.
SYSTEMD = ("systemctl", "journalctl")
REFUSED = ("docker", "podman", "haproxy", "useradd", "usermod", "groupadd", "sudo", "su")
SEALED = {
    "systemd-sysusers": "exec cat >/dev/null",  # the account is made up: see id
    "chown": "exit 0",  # everything belongs to whoever runs the sandbox
    "id": 'case "$#:$1" in 1:[!-]*) echo "uid=990($1) gid=990($1) groups=990($1)" ;; *) exec {id} "$@" ;; esac',
}
WHERE_MISSING = ("curl", "openssl", "flock", "setsid", "sha256sum")
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def search_path(first: Path) -> str:
    """Return a host's PATH: its own tools, the system's, then this machine's."""
    folders = [str(first), *SYSTEM, *os.environ.get("PATH", "").split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(folder for folder in folders if folder))


def install_tools(folder: Path, names: tuple[str, ...] = ()) -> None:
    """Put stand-ins into a host's bin: `names`, or whatever is missing."""
    for name in names or (*ALWAYS, *_missing()):
        program = TOOLS / f"{name.replace('-', '_')}.py"
        flags = "-E" if name == "openssl" else "-IS"  # it needs the package that verifies; the others nothing
        _script(folder / name, f'exec {shlex.quote(sys.executable)} {flags} {shlex.quote(str(program))} "$@"')
    _install_seal(folder)
    base = getattr(sys, "_base_executable", None) or sys.executable
    _script(folder / "python3", f'exec {shlex.quote(base)} "$@"')


def _install_seal(folder: Path) -> None:
    """Replace every program by which a host script could change this machine."""
    python, host = f"{shlex.quote(sys.executable)} -IS", folder.parent
    for name in SYSTEMD:
        _script(folder / name, f'exec {python} {_quoted(TOOLS / "systemctl.py")} {_quoted(host)} {name} "$@"')
    for name in REFUSED:
        _script(folder / name, f'echo "SANDBOX: {name} $1 is not run: it would act on this machine." >&2; exit 126')
    for name, line in SEALED.items():
        _script(folder / name, line.replace("{id}", shutil.which("id") or "/usr/bin/id"))
    images = host.parent.parent / "images"
    _script(folder / "tagship-container", f"exec {python} {_quoted(TOOLS / 'container.py')} {_quoted(images)}")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _missing() -> list[str]:
    path = search_path(Path("/nonexistent"))
    return [name for name in WHERE_MISSING if not shutil.which(name, path=path)]


def _script(path: Path, line: str) -> None:
    """Write a shell script that runs a line."""
    # A `#!python` breaks if its folder has a blank in it, or is long.
    path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
    path.chmod(0o755)
