"""What an app may use of a host, and what it sees there beside its release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.section import Section

MEMORY = r"^([1-9][0-9]{0,8}[bkmg])?$"
PLACE = r"^(/[A-Za-z0-9_@\-][A-Za-z0-9._@\-]*)+$"


class Limits(Section):
    """What an app may use of a host, contained or not."""

    words: ClassVar[Mapping[str, str]] = {MEMORY: 'an amount of memory such as "512m" or "2g"'}

    memory: str = Field(default="", pattern=MEMORY)  # empty: no limit
    pids: int = Field(default=1024, ge=1, le=4_194_304)  # processes and threads


class Volume(Section):
    """A folder of the host that the app sees.

    It has to be there, and to be the app's to write: tagship makes none.
    """

    words: ClassVar[Mapping[str, str]] = {
        PLACE: "an absolute path of letters, digits and ._@-, no name of which begins with a dot"
    }

    host: str = Field(pattern=PLACE)
    container: str = Field(default="", pattern=rf"^$|{PLACE}")  # where the app sees it; empty: at the same path
    read_only: bool = False

    @property
    def mapped(self) -> str:
        """Write it as Docker does: host:container:rw."""
        return f"{self.host}:{self.container or self.host}:{'ro' if self.read_only else 'rw'}"
