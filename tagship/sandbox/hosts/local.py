"""Hosts that run what they are sent: a folder each that stands for a machine's disk."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tagship.domain.keys import public_keys
from tagship.sandbox.door.keys import Keys
from tagship.sandbox.hosts.tools import install_tools, search_path


@dataclass
class LocalHost:
    """A host whose scripts run here, as this user.

    TAGSHIP_HOST_ROOT says where its disk is.
    """

    id: str
    root: Path
    aws_url: str
    region: str
    keys: Keys
    account: str = ""  # whose keys it has; empty: the sandbox's own
    online: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.online.set()

    def variables(self) -> Mapping[str, str]:
        """Return the whole environment of what runs on the host."""
        # Nothing of the developer's leaks in.
        return {
            "PATH": search_path(self.root / "bin"),
            "HOME": str(self.root / "root"),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "TAGSHIP_HOST_ROOT": str(self.root),
            **self.keys.variables_of(self.account),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.aws_url,
        }


HOST_CONF = """\
PORT={port}
# SANDBOX: plain processes play systemd and docker. A job's units are files of this folder (bin/systemctl); a release
# whose host program knows no other place for them than this machine's own is refused.
if [[ $RUNTIME == docker ]]; then COMMAND=tagship-container; fi
RUNTIME=process MANAGER=process
if [[ $KIND == job ]]; then
  MANAGER=systemd_sealed
  if grep -qxF 'UNITS=$ROOT/etc/systemd/system' "$PROGRAM/host/manager_systemd.sh"; then MANAGER=systemd; fi
fi
"""


def build(root: Path, app: str, public_key: Path, port: int, *, unsigned: bool = False) -> None:
    """Make the disk of a host whose app answers on `port`."""
    # `unsigned`: it accepts unsigned artifacts.
    for folder in ("root", "tmp", "opt", "bin", f"etc/tagship/{app}", "etc/systemd/system", "var/lib/amazon/ssm"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    pinned = root / "etc/tagship" / app
    (pinned / "host.conf").write_text(HOST_CONF.replace("{port}", str(port)), "utf-8")
    shutil.copyfile(public_key, pinned / "release.pub.pem")
    if unsigned:
        (pinned / "allow-unsigned").touch()
    install_tools(root / "bin")


def pin(root: Path, app: str, environment: str, release: Path, orders: Path) -> None:
    """Pin an environment's keys on a host's disk, as user data does."""
    pinned = root / "etc/tagship" / app
    (pinned / "environment").write_text(f"{environment}\n", "utf-8")
    for folder, file in (("keys.d", release), ("orders.d", orders)):
        (pinned / folder).mkdir(exist_ok=True)
        for id_, pem in public_keys(file.read_text("utf-8")).items():
            (pinned / folder / f"{id_}.pem").write_text(pem, "utf-8")
