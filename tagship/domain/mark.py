"""A mark: a person's judgement of a version in an environment. It counts more than what deployments say.

Marks are only ever added. Like entries they have ids that sort by time, so that the two can be read as one story.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from tagship.domain.stored import ODD, moment_of, read_back

SCHEMA = 1
VERDICTS = ("good", "bad")


@dataclass(frozen=True)
class Mark:
    """One mark.

    `verdict` is good or bad; `at` is ISO 8601 in UTC; `reason` is the person's own words.
    """

    id: str
    verdict: str
    at: str
    app: str
    environment: str
    artifact_id: str
    who: str
    where: str
    reason: str
    schema: int = SCHEMA

    def as_data(self) -> dict[str, object]:
        return asdict(self)

    def to_json(self) -> bytes:
        return (json.dumps(self.as_data(), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self | None:
        """Read a mark; None if unreadable or of a later schema."""
        # Such marks are named and skipped.
        try:
            value = json.loads(raw)
            mark = read_back(cls, value) if value["schema"] == SCHEMA and value["verdict"] in VERDICTS else None
            if mark:
                moment_of(mark.at)
        except ODD:
            return None
        return mark
