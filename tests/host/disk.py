"""A disk that a power cut really cuts: a filesystem in a file, which loses all that had not reached the disk.

(`Machine.kill` alone keeps every byte that was written: it is this machine's kernel that has them.)
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path

from tests.host.ground import command, until

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: from here on nothing reaches the disk
JOURNAL_WRITTEN, NOTHING_WRITTEN = 1, 2  # with the names and sizes of its journal, or without
# ext4 writes its journal every 5 s by itself: a test would be of that moment.
FORMATS = {
    "ext4": (["mkfs.ext4", "-q", "-F"], "loop,commit=600"),
    "xfs": (["mkfs.xfs", "-q", "-f"], "loop,nouuid"),  # nouuid: a copy has the identity of what it was copied from
}


class Disk:
    """A filesystem at `at`, its bytes in `file`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.file, self.at, self.kind = folder / "image", folder / "mounted", kind
        self.at.mkdir(parents=True)
        with self.file.open("wb") as image:
            image.truncate(400 << 20)
        command(*FORMATS[kind][0], str(self.file))
        self.mount()

    def mount(self) -> None:
        command("mount", "-t", self.kind, "-o", FORMATS[self.kind][1], str(self.file), str(self.at))

    def sync(self) -> None:
        command("sync", "-f", str(self.at))

    def cut(self, how: int) -> None:
        handle = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", how))
        os.close(handle)

    def mount_again(self) -> None:
        """
        As a boot does, once no process here holds it: the journal is replayed.

        From a copy of the file. A mount namespace that another machine was making just then has the mount too, and
        the kernel would give the same file's second mount the filesystem that was shut down.
        """
        until(self._unmounted, 10, f"{self.at} is let go of")
        after = self.file.with_name(f"{self.file.name}-again")
        command("cp", "--sparse=always", str(self.file), str(after))
        self.file = after
        self.mount()

    def _unmounted(self) -> bool:
        return subprocess.run(["umount", str(self.at)], capture_output=True, check=False).returncode == 0
