"""Machines like EC2's: systemd as PID 1, stock Docker, an address of their own, a disk that outlives a power cut.

A machine is systemd-nspawn on a throw-away overlay of this machine's own `/`, so nothing is downloaded, and what is
installed here (Docker, the proxy) is installed there. It has a network namespace of its own on the session's bridge:
stock Docker networking, and every machine may use the same ports.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.host.ground import ADMIN_PATH, Ground, command, mounts, until
from tests.host.registry import HOST, Registry

NETWORK = """\
[Unit]
DefaultDependencies=no
Before=network.target network-online.target docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link set host0 up
ExecStart=/sbin/ip address add {address}/{prefix} dev host0
ExecStart=/sbin/ip route add default via {gateway}
"""
# systemd-nspawn mounts the controllers of cgroup version 1 read-only, and runc makes its own groups in them.
DOCKER_CGROUPS = """\
[Service]
ExecStartPre=/bin/sh -c 'for c in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$c"; done'
"""
DOCKER_SOCKET = "[Socket]\nListenStream=/srv/engine/docker.sock\n"
STARTED_AT_BOOT = ("docker.service", "machine-network.service")
# Parts of a computer that a container has not, or that would only cost time.
MASKED = (
    "getty.target",
    "console-getty.service",
    "systemd-logind.service",
    "systemd-firstboot.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "e2scrub_reap.service",
)


@dataclass(frozen=True)
class Result:
    """How a script ended."""

    code: int
    out: str
    err: str


class Machine:
    """One host. `prepare` is given its root folder before the first boot: files that it is to have."""

    def __init__(
        self, ground: Ground, registry: Registry, name: str, prepare: Callable[[Path], None] = lambda root: None
    ) -> None:
        self.ground, self.registry, self.name, self.prepare = ground, registry, name, prepare
        self.folder = ground.folder / name
        self.root = self.folder / "root"
        self.address = ground.address()
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._cable = 0  # the number of the interface on this side
        self._binds = {"/var/lib/docker": self.folder / "docker", "/srv/engine": self.folder / "engine"}

    # -- power --------------------------------------------------------------------------------------------------------

    def up(self, binds: Mapping[str, Path] | None = None) -> Machine:
        """Make its disk and boot it; `binds` are folders of this machine, by where it sees them."""
        self._binds.update(binds or {})
        self._make_disk()
        self._furnish()
        self.prepare(self.root)
        return self.boot()

    def boot(self) -> Machine:
        """Start it on the disk that it has; returns when systemd says that everything started."""
        argv = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--console=passive",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--system-call-filter=@keyring",  # runc gives each container a keyring
            f"--network-bridge={self.ground.bridge}",
            f"--machine={self.ground.name}-{self.name}",
            f"--directory={self.root}",
            *(f"--bind={here}:{there}" for there, here in self._binds.items()),
        ]
        self._nspawn = self.ground.spawn(self.name, argv, self.folder / "nspawn.log")
        until(self._find_leader, 10, f"{self.name} has a PID 1; see {self.folder}/nspawn.log")
        try:
            until(self._started, 30, f"{self.name} has started")
        except AssertionError as late:
            waits = self.run(
                "systemctl list-jobs --no-pager; systemctl status docker --no-pager; journalctl -n 30 --no-pager"
            )
            raise AssertionError(f"{late}\n{waits.out}{waits.err}") from late
        self._cable = int(self.check("cat /sys/class/net/host0/iflink"))
        return self

    def kill(self) -> None:
        """A power cut: every process of it dies at once; its disk is kept. `boot` starts it again."""
        if self._leader:  # 0 would be this process and its whole group
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGKILL)
        self.ground.end(self.name)
        if self._nspawn:
            self._nspawn.wait(10)
        self._unplug()
        self._leader = 0

    def down(self) -> None:
        """Switch it off and throw its disk away."""
        self.kill()
        for point in mounts(self.folder):
            command("umount", "--lazy", str(point))
        shutil.rmtree(self.folder)

    # -- use ----------------------------------------------------------------------------------------------------------

    def run(self, script: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> Result:
        """Run a script as SSM's agent does: root's sh, in a session of its own, no terminal."""
        done = self.start(script, env)
        try:
            out, err = done.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.ground.end(f"{self.name}/agent")
            out, err = done.communicate()
            raise AssertionError(f"{self.name}: not done within {timeout} s: {script}\n{out}\n{err}") from None
        return Result(done.returncode, out, err)

    def start(self, script: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a script as `run` does, and go on."""
        variables = {"PATH": ADMIN_PATH, "HOME": "/root", **(env or {})}
        argv = self.ground.inside(f"{self.name}/agent")
        argv += ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
        return subprocess.Popen(
            [*argv, "setsid", "--wait", "sh", "-c", script],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check(self, script: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> str:
        """Run a script that must succeed; returns what it wrote."""
        done = self.run(script, env, timeout)
        assert done.code == 0, f"{self.name}: {script} exited {done.code}\n{done.out}\n{done.err}"
        return done.out.strip()

    def written(self) -> list[Path]:
        """Every regular file that was written or changed on its disk, Docker's own apart, as this machine sees it."""
        upper = self.folder / "disk/upper"
        return [path for path in upper.rglob("*") if path.is_file() and not path.is_symlink()]

    @property
    def docker(self) -> str:
        """Its engine, as DOCKER_HOST names it: to look at from outside."""
        return f"unix://{self.folder}/engine/docker.sock"

    # -- making -------------------------------------------------------------------------------------------------------

    def _make_disk(self) -> None:
        """An overlay over `/`. Its upper folder is on a filesystem of its own: it must not be below the lower one."""
        disk, docker, engine = (self.folder / name for name in ("disk", "docker", "engine"))
        for folder in (disk, docker, engine, self.root):
            folder.mkdir(parents=True)
        command("mount", "-t", "tmpfs", "-o", "size=1g,mode=755", self.ground.name, str(disk))
        for name in ("upper", "work"):
            (disk / name).mkdir()
        layers = f"lowerdir=/,upperdir={disk}/upper,workdir={disk}/work"
        command("mount", "-t", "overlay", "-o", layers, self.ground.name, str(self.root))

    def _furnish(self) -> None:
        """Make the copy a host of its own: identity, network, the registry's name and certificate, nothing else on."""
        etc = self.root / "etc"
        (etc / "machine-id").unlink(missing_ok=True)
        (etc / "machine-id").write_text(os.urandom(16).hex() + "\n")
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {self.name}\n{self.registry.address} {HOST}\n")
        for name in self.registry.names:
            trusted = etc / "docker/certs.d" / name
            trusted.mkdir(parents=True)
            shutil.copy(self.registry.certificate, trusted / "ca.crt")
        shutil.rmtree(self.root / "var/log/journal", ignore_errors=True)
        (self.root / "var/log/journal").mkdir()
        self._choose_units(etc / "systemd/system")

    def _choose_units(self, units: Path) -> None:
        """Of all that the copied machine would start, only Docker and the network."""
        for wants in units.glob("*.wants"):
            shutil.rmtree(wants)
        network = NETWORK.format(address=self.address, prefix=self.ground.prefix, gateway=self.ground.gateway)
        (units / "machine-network.service").write_text(network)
        for unit, text in (("docker.service", DOCKER_CGROUPS), ("docker.socket", DOCKER_SOCKET)):
            (units / f"{unit}.d").mkdir(exist_ok=True)
            (units / f"{unit}.d/machine.conf").write_text(text)
        for unit in MASKED:
            (units / unit).unlink(missing_ok=True)
            (units / unit).symlink_to("/dev/null")
        (units / "default.target").unlink(missing_ok=True)
        (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
        (units / "multi-user.target.wants").mkdir()
        for unit in STARTED_AT_BOOT:
            folder = "/etc/systemd/system" if (units / unit).exists() else "/lib/systemd/system"
            (units / "multi-user.target.wants" / unit).symlink_to(f"{folder}/{unit}")

    def _unplug(self) -> None:
        """Remove this side's interface: the kernel takes its time over it, and the next boot wants the name."""
        for number in Path("/sys/class/net").glob("*/ifindex"):
            with contextlib.suppress(OSError):
                if int(number.read_text()) == self._cable:
                    subprocess.run(["ip", "link", "delete", number.parent.name], capture_output=True, check=False)
        self._cable = 0

    def _find_leader(self) -> bool:
        """Note the machine's PID 1, as this machine numbers it: the child of systemd-nspawn that is 1 in its own."""
        assert self._nspawn
        assert self._nspawn.poll() is None, (self.folder / "nspawn.log").read_text()
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = next((int(child) for child in children if _is_first(int(child))), 0)
        return bool(self._leader)

    def _started(self) -> bool:
        said = self.run("systemctl is-system-running")
        if said.out.strip() == "degraded":
            raise AssertionError(f"{self.name}: {self.run('systemctl --failed --no-pager').out}")
        return said.out.strip() == "running"


def _is_first(pid: int) -> bool:
    """Whether a process is PID 1 of a PID namespace below this one. (systemd-nspawn has helpers that come and go.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) > 1 and numbers[-1] == "1"
