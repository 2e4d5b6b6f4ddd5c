"""A clock that jumps while the host program runs. The machine's own is shared, and nobody may set it.

libfaketime moves what the program, and all that it starts, are told of the time; the time since the boot goes on, as it
does when a real clock is set.
"""

from __future__ import annotations

from pathlib import Path

from tests.host.host import Host

LIBRARY = "faketime/libfaketime.so.1"


class Clock:
    """The clock of a host's program, off by some seconds: `variables` are what the program is started with."""

    def __init__(self, host: Host, off: int = 0) -> None:
        self._file = host.machine.root / "root/clock"
        self.off(off)
        library = next(Path("/usr/lib").glob(f"*/{LIBRARY}"))
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": "/root/clock",
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def off(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.rename(self._file)
