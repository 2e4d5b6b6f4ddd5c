"""What an instance of a group does when it boots: its user data runs, on a disk of its own.

Only a script that `inv user-data` or a deployment wrote is run: anybody else's would be root on a real machine, and
here it would be the developer. An instance with other user data, or none, has no agent: SSM does not know it. Where the
sandbox has no folder (tests in a process), a simulated host does at once what the script would have done.
"""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.hosts import local, processes
from tagship.sandbox.hosts.metadata import Metadata
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.world import World

OURS = re.compile(r"^# First boot of .*\n# Packed below", re.M)
HEADER = re.compile(r"^export (APP=.*)$", re.M)
KEY = re.compile(r"^export DEPLOYMENT_KEY=\S*?/([^/\s']+)/deploy-bundle\.tar\.gz", re.M)
SLOW, QUICK = 1.5, 0.05  # seconds that a simulated boot takes


@dataclass
class Boots:
    """Boots instances.

    `faults` are of simulated ones: artifact -> error, impostor or slow.
    """

    world: World
    faults: dict[str, str] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)
    ports: dict[str, int] = field(default_factory=dict)  # by instance: where its app answers

    def boot(self, instance: str, user_data: bytes, place: AccountRegion) -> None:
        """Start an instance's user data, in a thread."""
        raw = gzip.decompress(user_data) if user_data[:2] == b"\x1f\x8b" else user_data
        script = raw.decode("utf-8", "replace")
        if not OURS.search(script):
            return
        if self.world.folder.is_dir():
            self._run(instance, script, place)
        else:
            self._simulate(instance, script)

    def end(self, instance: str) -> None:
        """Take an instance's machine away, and what runs on it."""
        machine = self.world.machines.pop(instance, None)
        if isinstance(machine, local.LocalHost):
            threading.Thread(target=_remove, args=(machine.root,), daemon=True).start()

    def answers(self, instance: str) -> int:
        """Return the port on which an instance's app answers; 0 if none."""
        port = self.ports.get(instance, 0)
        with socket.socket() as probe:
            return port if port and probe.connect_ex(("127.0.0.1", port)) == 0 else 0

    # -- a host that runs what it is given -----------------------------------------------------------------------------

    def _run(self, instance: str, script: str, place: AccountRegion) -> None:
        world = self.world
        host = local.LocalHost(instance, world.disk(instance), world.url, place.region, world.keys, place.account)
        values = dict(word.partition("=")[::2] for word in shlex.split(HEADER.search(script).group(1)))  # type: ignore[union-attr]
        port = self.ports[instance] = world.ports.free()
        local.build(host.root, values["APP"], world.public_key, port)
        (host.root / "etc/tagship" / values["APP"] / "release.pub.pem").unlink()  # user data pins the keys
        path = host.root / "user-data"
        path.write_text(script, "utf-8")
        path.chmod(0o700)
        variables = {**host.variables(), "TAGSHIP_PAUSE": "0"}
        variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.metadata.address(instance, place.region)
        with (host.root / "boot.log").open("wb") as log:
            subprocess.Popen(
                [str(path)], cwd=host.root, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        world.machines[instance] = host

    # -- a simulated one -----------------------------------------------------------------------------------------------

    def _simulate(self, instance: str, script: str) -> None:
        host = SimulatedHost(instance, self.world.disk(instance), self.world.behaviour)
        named = KEY.search(script)
        self.world.machines[instance] = host
        if named:
            threading.Thread(target=self._start, args=(host, named.group(1)), daemon=True).start()

    def _start(self, host: SimulatedHost, artifact: str) -> None:
        fault = self.faults.get(artifact, "")
        time.sleep(SLOW if fault == "slow" else QUICK)
        host.serving = {"error": "", "impostor": "0.0.0-impostor"}.get(fault, artifact)


def _remove(root: Path) -> None:
    """End what runs on a disk, and remove it."""
    for _ in range(3):
        processes.end(processes.on(root))
    shutil.rmtree(root, ignore_errors=True)
