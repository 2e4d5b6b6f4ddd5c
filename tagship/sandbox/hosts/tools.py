"""The programs on a host's PATH: stand-ins for what a real host has and this machine may lack."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

TOOLS = Path(__file__).parent / "hostbin"
ALWAYS = ("aws", "tagship-proxy")
WHERE_MISSING = ("curl", "openssl", "flock", "setsid", "sha256sum")
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def search_path(first: Path) -> str:
    """The host's own tools, then the system's, then whatever else this machine keeps tools in."""
    folders = [str(first), *SYSTEM, *os.environ.get("PATH", "").split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(folder for folder in folders if folder))


def install_tools(folder: Path, names: tuple[str, ...] = ()) -> None:
    """Put stand-ins into a host's bin: `names`, or the ones that this machine needs."""
    for name in names or (*ALWAYS, *_missing()):
        program = TOOLS / f"{name.replace('-', '_')}.py"
        flags = "-E" if name == "openssl" else "-IS"  # it needs the package that verifies; the others nothing
        _script(folder / name, f'exec {shlex.quote(sys.executable)} {flags} {shlex.quote(str(program))} "$@"')
    base = getattr(sys, "_base_executable", None) or sys.executable
    _script(folder / "python3", f'exec {shlex.quote(base)} "$@"')


def _missing() -> list[str]:
    path = search_path(Path("/nonexistent"))
    return [name for name in WHERE_MISSING if not shutil.which(name, path=path)]


def _script(path: Path, line: str) -> None:
    """A shell script rather than a `#!python`: a folder with a blank in it, or a long one, breaks the latter."""
    path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
    path.chmod(0o755)
