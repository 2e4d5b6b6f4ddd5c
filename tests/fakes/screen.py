"""A screen that remembers what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tagship.ports.people import Progress


class FakeScreen:
    """`lines` holds everything said, tables and phases included, in order; the other lists hold each kind alone."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.tables: list[tuple[list[str], list[list[str]]]] = []
        self.documents: list[object] = []
        self.phases: list[str] = []
        self.lost = ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def say(self, text: str = "") -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.lines.append(f"warning: {text}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.tables.append((list(columns), [list(row) for row in rows]))
        self.lines += ["  ".join(columns), *("  ".join(row) for row in rows)]

    def data(self, value: object) -> None:
        self.documents.append(json.loads(json.dumps(value)))

    def directive(self, line: str) -> None:
        self.lines.append(line)

    def document(self, text: str) -> None:
        self.documents.append(text)

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield

    @contextmanager
    def live(self, title: str = "") -> Iterator[Progress]:
        if title:
            self.lines.append(title)
        yield self._phase

    def _phase(self, phase: str, /, took: float | None = None) -> None:
        if phase not in self.phases[-1:]:
            self.phases.append(phase)
            self.lines.append(phase)
