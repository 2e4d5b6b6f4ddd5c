"""What an app may use of a host, and what it sees there beside its release."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.section import Finding, Section, shown

MEMORY = r"^([1-9][0-9]{0,8}[bkmg])?$"
PLACE = r"^(/[A-Za-z0-9_@\-][A-Za-z0-9._@\-]*)+$"
WHO = r"([a-z_][a-z0-9_\-]{0,30}|[0-9]{1,10})"  # an account or a group: its name, or its number
OWNER = rf"^({WHO}(:{WHO})?)?$"
HIGHEST = 4_294_967_294  # the highest number of an account


class Limits(Section):
    """What an app may use of a host, contained or not."""

    words: ClassVar[Mapping[str, str]] = {MEMORY: 'an amount of memory such as "512m" or "2g"'}

    memory: str = Field(default="", pattern=MEMORY)  # empty: no limit
    pids: int = Field(default=1024, ge=1, le=4_194_304)  # processes and threads


class Volume(Section):
    """A folder of the host that the app sees.

    If it has an owner, a host makes it when it is missing; else it has to be there.
    """

    words: ClassVar[Mapping[str, str]] = {
        PLACE: "an absolute path of letters, digits and ._@-, no name of which begins with a dot",
        OWNER: 'an account of the host or a number, with its group if need be: "shopkeeper", "1000", "1000:1000"',
    }

    host: str = Field(pattern=PLACE)
    container: str = Field(default="", pattern=rf"^$|{PLACE}")  # where the app sees it; empty: at the same path
    read_only: bool = False
    owner: str = Field(default="", pattern=OWNER)  # whose it is on the host; empty: it is left as it is

    @property
    def mapped(self) -> str:
        """Write it as Docker does: host:container:rw."""
        return f"{self.host}:{self.container or self.host}:{'ro' if self.read_only else 'rw'}"


def of_volumes(values: object) -> Iterator[Finding]:
    """Find volumes that contradict each other, or name no account."""
    owners: dict[str, str] = {}
    places: set[str] = set()
    for index, volume in enumerate(values if isinstance(values, (list, tuple)) else ()):
        host, owner, place = (_text(volume, key) for key in ("host", "owner", "container"))
        if any(part.isdecimal() and int(part) > HIGHEST for part in owner.split(":")):
            yield f"{index}.owner", f"{shown(owner)} has a number above {HIGHEST}: accounts end there"
        if owner and owners.setdefault(host, owner) != owner:
            yield f"{index}.owner", f"{shown(owner)} is not the owner that {host} has above: {owners[host]}"
        if host and (place or host) in places:
            yield f"{index}.container", f"{place or host} is where the app sees another folder: give it another place"
        places.add(place or host)


def _text(volume: object, key: str) -> str:
    value = volume.get(key) if isinstance(volume, Mapping) else ""
    return value if isinstance(value, str) else ""
