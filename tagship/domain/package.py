"""What `build` leaves of packages and static sets: zip files, the same bytes on any machine, and how they are known."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from tagship.errors import NotAuthentic

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name
REGULAR, UNIX = 0o100000, 3  # st_mode's kind of a file; the system whose modes the entry has
LARGEST = 250 * 1024 * 1024  # bytes of files; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


@dataclass(frozen=True)
class BuiltPart:
    """A zip file: sha256 (hex), size (bytes).

    `files_sha256` is that of a static set's list of files. `inputs` is the digest of what it is made of, if that is
    known. `kept` is the artifact that it was built for, if that was another: then there is no file here.
    """

    sha256: str
    size: int
    files_sha256: str = ""
    inputs: str = ""
    kept: str = ""


@dataclass(frozen=True)
class BuiltParts:
    """An artifact's packages or static sets by name, and its commit."""

    commit: str
    parts: Mapping[str, BuiltPart]

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str, again: str) -> Self:
        """Read it. Raises NotAuthentic, which says how to build it `again`."""
        try:
            value = json.loads(raw)
            return cls(value["commit"], {name: BuiltPart(**made) for name, made in value["parts"].items()})
        except (ValueError, TypeError, KeyError, AttributeError) as reason:
            raise NotAuthentic(f"{where} is not the record of a build.", remedy=f"Build it: {again}") from reason


def member(path: str, *, executable: bool) -> zipfile.ZipInfo:
    """Describe a file of a package, without this machine's traces."""
    # Stored, not compressed: what compresses decides the bytes, and differs from one Python to the next.
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.create_system, entry.compress_type = UNIX, zipfile.ZIP_STORED
    entry.external_attr = (REGULAR | (0o755 if executable else 0o644)) << 16
    return entry
