"""The log of figures in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tagship.errors import TagshipError


@dataclass
class FakeFigures:
    """`problem` is raised in place of taking a line."""

    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problem: TagshipError | None = None

    def put(self, stream: str, at: datetime, line: str) -> None:
        assert at.tzinfo, "CloudWatch takes milliseconds since 1970, UTC"
        if self.problem:
            raise self.problem
        self.rows.append((stream, json.loads(line)))
