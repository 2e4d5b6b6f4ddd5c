"""The pointer of an environment: which artifact a host that boots has to run. The last healthy deployment writes it.

A signed record, as deploy/user_data.sh reads it line by line. `fence` is the fencing number of the deployment that
wrote it, so that a host which has heard of a later one since is not set back by it. `expires` is until when it may be
put into the bucket, and not until when it is read: a host that boots a year later obeys it, and one that somebody put
back later than that is refused. S3's own clock says when it was put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from tagship.domain.stored import ODD, moment_of, read_back

KIND = "pointer"
PLACED_WITHIN = timedelta(hours=1)  # of its issue: a deployment writes it at once


@dataclass(frozen=True)
class Pointer:
    """What hosts that boot have to run.

    `issued` and `expires` are ISO 8601 in UTC, by the store's clock.
    """

    app: str
    environment: str
    artifact: str
    manifest_sha256: str
    deployment: str
    fence: int
    issued: str = ""
    expires: str = ""
    numbers: str = ""  # operational ones, for the host that boots
    key: str = ""  # the id of the key that signs it
    kind: str = KIND
    tagship: int = 1

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self | None:
        """Read a record's values; None if they are not a pointer."""
        # A deployment then writes over them.
        try:
            pointer = read_back(cls, values)
            moment_of(pointer.issued), moment_of(pointer.expires)
        except ODD:
            return None
        return pointer if pointer.kind == KIND else None

    def at(self, now: datetime) -> Pointer:
        """Issue it now, by the store's clock."""
        expires = now + PLACED_WITHIN
        return replace(self, issued=now.isoformat(timespec="seconds"), expires=expires.isoformat(timespec="seconds"))

    def says_as(self, other: Pointer) -> bool:
        """Tell whether both say the same, whoever signed them and when."""
        return replace(self, issued="", expires="", key="") == replace(other, issued="", expires="", key="")

    def replayed(self, written: datetime) -> bool:
        """Tell whether an object of that time was put back later."""
        return written > moment_of(self.expires)
