"""The record of a pull request's environment: written before anything of it is made, and closed when all is gone.

    open → closing → closed → open (the pull request was opened again)

`closing` is written before anything is taken away, so that a run that was cut off is finished by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from tagship.domain.stored import ODD, moment_of, read_back

OPEN, CLOSING, CLOSED = "open", "closing", "closed"
KIND = "preview"


@dataclass(frozen=True)
class PreviewRecord:
    """One pull request's environment; times are ISO 8601 in UTC."""

    app: str
    environment: str
    number: int
    state: str
    since: str
    used: str  # when it was deployed to last, or began to be
    who: str
    run: str = ""
    kind: str = KIND
    tagship: int = 1

    @property
    def lives(self) -> bool:
        """Tell whether something of it may be there."""
        return self.state != CLOSED

    def expired(self, now: datetime, hours: int) -> bool:
        """Tell whether nobody deployed to it for so long."""
        return now - moment_of(self.used) > timedelta(hours=hours)

    def as_stored(self, at: datetime) -> Self:
        """Return it with no time later than its store's.

        Whoever has a preview's token writes the record, and a time to come would keep the preview from every sweep.
        """
        used, since = (min(moment_of(text), at).isoformat(timespec="seconds") for text in (self.used, self.since))
        return replace(self, used=used, since=since)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> bytes:
        return (json.dumps(self.as_data(), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def read(cls, raw: bytes) -> Self | None:
        """Read a record; None if the bytes are none."""
        try:
            values = json.loads(raw)
            record = read_back(cls, values) if isinstance(values, Mapping) else None
            if record is None or record.kind != KIND or record.state not in {OPEN, CLOSING, CLOSED}:
                return None
            moment_of(record.used), moment_of(record.since)
        except ODD:
            return None
        return record
