"""Hosts: a folder each that stands for a machine's disk, with the tools that a real host has on its PATH."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).parent / "hostbin"
ALWAYS = ("aws", "tagship-proxy")
WHERE_MISSING = ("curl", "openssl", "flock", "setsid", "sha256sum")
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
PORTS = range(10_000, 20_000)  # apart from the ports that versions are started on (free_port of deploy/host/proxy.sh)


@dataclass
class LocalHost:
    """A host whose scripts run here, as this user, told where its disk is by TAGSHIP_HOST_ROOT."""

    id: str
    root: Path
    aws_url: str
    region: str
    online: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.online.set()

    def variables(self) -> Mapping[str, str]:
        """The whole environment of what runs on the host; nothing of the developer's leaks in."""
        return {
            "PATH": search_path(self.root / "bin"),
            "HOME": str(self.root / "root"),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "TAGSHIP_HOST_ROOT": str(self.root),
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.aws_url,
        }


def search_path(first: Path) -> str:
    """The host's own tools, then the system's, then whatever else this machine keeps tools in."""
    folders = [str(first), *SYSTEM, *os.environ.get("PATH", "").split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(folder for folder in folders if folder))


def build(root: Path, app: str, public_key: Path, *, unsigned: bool = False) -> int:
    """Make a host's disk; returns the port that it has its app answer on. `unsigned`: it takes what nobody signed."""
    for folder in ("root", "tmp", "opt", "bin", f"etc/tagship/{app}", "var/lib/amazon/ssm"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    port = free_port()
    pinned = root / "etc/tagship" / app
    (pinned / "host.conf").write_text(f"PORT={port}\n", "utf-8")
    shutil.copyfile(public_key, pinned / "release.pub.pem")
    if unsigned:
        (pinned / "allow-unsigned").touch()
    install_tools(root / "bin")
    return port


def install_tools(folder: Path, names: tuple[str, ...] = ()) -> None:
    """Put the stand-ins into a host's bin: `names`, or the ones that this machine needs."""
    path = search_path(Path("/nonexistent"))
    for name in names or (*ALWAYS, *(each for each in WHERE_MISSING if not shutil.which(each, path=path))):
        program = TOOLS / f"{name.replace('-', '_')}.py"
        flags = "-E" if name == "openssl" else "-IS"  # it needs the package that verifies; the others nothing
        _script(folder / name, f'exec {shlex.quote(sys.executable)} {flags} {shlex.quote(str(program))} "$@"')
    base = getattr(sys, "_base_executable", None) or sys.executable
    _script(folder / "python3", f'exec {shlex.quote(base)} "$@"')


def _script(path: Path, line: str) -> None:
    """A shell script rather than a `#!python`: a folder with a blank in it, or a long one, breaks the latter."""
    path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
    path.chmod(0o755)


_given: set[int] = set()  # a host listens on its port only once something is deployed to it


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that this process has given to nobody yet."""
    for port in random.sample(PORTS, len(PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise OSError("no port from 10000 to 19999 is free")
