"""What a session of host tests stands on: a folder, a bridge, and a cgroup that holds every process it starts.

Whatever a session leaves behind, a later one finds by those three and clears away: the lock on the folder tells a
living session from a dead one, and a process that was started here cannot leave its cgroup.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path("/tmp/tagship-host")
CGROUPS = Path("/sys/fs/cgroup")
PROGRAMS = (
    "docker",
    "dockerd",
    "systemd-nspawn",
    "nsenter",
    "ip",
    "iptables",
    "openssl",
    "docker-registry",
    "htpasswd",
    "haproxy",
    "faketime",
    "aws",
    "mkfs.ext4",
    "mkfs.xfs",
)
ENTER_CGROUPS = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
# A bridge without an address of its own takes the lowest of its ports', another one whenever a machine comes or goes:
# the other machines then answer to an address that is gone, for up to half a minute.
BRIDGE_ADDRESS = "06:74:61:67:73:68"
ADMIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Ground:
    """One session's folder, bridge and cgroup. `lay` it first; `clear` leaves nothing."""

    def __init__(self) -> None:
        self.name = f"tagship-{secrets.token_hex(3)}"
        self.folder = ROOT / self.name
        self.bridge = f"ts{self.name[8:]}"
        self._addresses: Iterator[ipaddress.IPv4Address] = iter(())
        self.gateway = ""
        self._lock: int | None = None

    def lay(self) -> None:
        """Check for the tools, clear what dead sessions left, and make this one's bridge."""
        require_tools()
        ROOT.mkdir(mode=0o755, exist_ok=True)
        sweep()
        self.folder.mkdir(mode=0o755)
        self._lock = _lock(self.folder)
        with one_at_a_time():
            self._network = free_network()
            self._addresses = self._network.hosts()
            self.gateway = self.address()
            self._make_bridge()

    def _make_bridge(self) -> None:
        command("ip", "link", "add", self.bridge, "address", BRIDGE_ADDRESS, "type", "bridge")
        command("ip", "address", "add", f"{self.gateway}/{self.prefix}", "dev", self.bridge)
        command("ip", "link", "set", self.bridge, "up")

    def address(self) -> str:
        """The next free address on the bridge."""
        return str(next(self._addresses))

    @property
    def prefix(self) -> int:
        return self._network.prefixlen

    def spawn(self, part: str, argv: Sequence[str], log: Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start a process of its own session in the cgroup `part`; its output goes to `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [*self.inside(part), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def inside(self, part: str) -> list[str]:
        """What a command line begins with so that it runs in the cgroup `part` of every hierarchy."""
        folders = [str(make_cgroup(top / self.name / part)) for top in hierarchies()]
        return ["sh", "-c", ENTER_CGROUPS, "sh", *folders, "--"]

    def end(self, part: str) -> None:
        """Kill every process in the cgroup `part`, and remove it."""
        for top in hierarchies():
            remove_cgroup(top / self.name / part)

    def clear(self) -> None:
        clear(self.folder)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def require_tools() -> None:
    """Fail, naming the remedy: these tests never skip."""
    if os.geteuid() != 0:
        pytest.fail("The host tests need root (they boot machines). Run: sudo make test-host", pytrace=False)
    missing = [name for name in PROGRAMS if shutil.which(name, path=ADMIN_PATH) is None]
    if missing:
        pytest.fail(f"The host tests need {', '.join(missing)}. Run: scripts/host_setup.sh", pytrace=False)


def command(*argv: str, timeout: float = 60) -> str:
    """Run a command and return its output; its own words are in the failure."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(argv)} exited {done.returncode}: {done.stderr or done.stdout}"
    return done.stdout.strip()


def until(true: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    """Wait until something holds; fail saying what never did."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(pause)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other sessions from choosing what this one is about to take."""
    with (ROOT / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def free_network() -> ipaddress.IPv4Network:
    """A /24 that no interface or route of this machine has."""
    taken = command("ip", "-4", "route", "show", "table", "all")
    for third in range(20, 250):
        if f"10.213.{third}." not in taken:
            return ipaddress.IPv4Network(f"10.213.{third}.0/24")
    raise AssertionError("no free network in 10.213.0.0/16")


# -- sweeping ----------------------------------------------------------------------------------------------------------


def sweep() -> None:
    """Clear what sessions that are no longer alive left behind."""
    for folder in sorted(ROOT.glob("tagship-*")):
        with contextlib.suppress(BlockingIOError):
            lock = _lock(folder)
            clear(folder)
            os.close(lock)


def clear(folder: Path) -> None:
    """Undo everything that bears a session's name: processes, mounts, cgroups, the bridge, the folder."""
    for top in hierarchies():
        remove_cgroup(top / folder.name)
    for mount in mounts(folder):
        command("umount", "--lazy", str(mount))
    bridge = f"ts{folder.name[8:]}"
    if Path("/sys/class/net", bridge).exists():
        command("ip", "link", "delete", bridge)
    shutil.rmtree(folder)


def mounts(folder: Path) -> list[Path]:
    """The mount points under a folder, the innermost first."""
    points = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((point for point in points if point.is_relative_to(folder)), reverse=True)


def _lock(folder: Path) -> int:
    """Take a folder's lock, which its session holds while it lives; raises BlockingIOError when it does."""
    handle = os.open(folder / "session.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


# -- cgroups -----------------------------------------------------------------------------------------------------------


def hierarchies() -> list[Path]:
    """Every cgroup hierarchy that is mounted: one of version 2, or a folder a controller of version 1."""
    if (CGROUPS / "cgroup.procs").exists():
        return [CGROUPS]
    return sorted({folder.resolve() for folder in CGROUPS.iterdir() if (folder / "cgroup.procs").exists()})


def make_cgroup(folder: Path) -> Path:
    if not folder.parent.exists():
        make_cgroup(folder.parent)
    folder.mkdir(exist_ok=True)
    for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1 leaves them empty, and an empty one takes no process
        here, above = folder / setting, folder.parent / setting
        if here.exists() and above.exists() and not here.read_text().strip():
            here.write_text(above.read_text())
    return folder


def remove_cgroup(folder: Path) -> None:
    """Kill what runs in a cgroup and below it, then remove them, innermost first."""
    if not folder.exists():
        return
    end = time.monotonic() + 10
    while pids := processes(folder):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < end, f"processes of {folder} do not die: {pids}"
        time.sleep(0.02)
    for inner in sorted(_below(folder), reverse=True):
        _remove_empty(inner)


def processes(folder: Path) -> list[int]:
    """The processes of a cgroup and of those below it."""
    found: list[int] = []
    for inner in _below(folder):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in re.findall(r"\d+", (inner / "cgroup.procs").read_text())]
    return [pid for pid in found if pid]  # 0: a process of a namespace that cannot be seen from here


def _below(folder: Path) -> list[Path]:
    return [Path(top) for top, _, _ in os.walk(folder)]


def _remove_empty(folder: Path) -> None:
    """rmdir, waiting a little for the kernel to let go of processes that have just died."""
    end = time.monotonic() + 5
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
