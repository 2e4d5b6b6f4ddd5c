"""What a cleanup did with an environment, or would do: the rows and totals that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tagship.domain.leftovers import Judged
from tagship.domain.retention import Judgement
from tagship.domain.storage_price import GB, S3_STANDARD
from tagship.domain.text import size, span
from tagship.engine.sweep import SweptArtifact
from tagship.ports.leftovers import Shelf

ARTIFACT = "artifact"


@dataclass(frozen=True)
class Row:
    """One artifact, or something left of one.

    `bytes`, when it was `stored` (ISO 8601, UTC; empty if nobody knows), and `days` since. `kind` is "artifact", or
    what is left: "version of function shop". `artifacts` are those that it is of.
    """

    artifact: str
    bytes: int
    stored: str
    days: float
    goes: bool
    reason: str
    kind: str = ARTIFACT
    artifacts: Sequence[str] = ()

    @classmethod
    def of(cls, swept: SweptArtifact) -> Row:
        artifact, verdict = swept.artifact, swept.verdict
        return cls(
            artifact.id,
            artifact.size,
            artifact.stored.isoformat(),
            _days(verdict),
            verdict.goes,
            verdict.reason,
            artifacts=(artifact.id,),
        )

    @classmethod
    def left(cls, shelf: Shelf, judged: Judged) -> Row:
        left, verdict = judged.leftover, judged.verdict
        stored = left.made.isoformat() if left.made else ""
        artifacts = tuple(left.artifacts)
        return cls(left.name, left.size, stored, _days(verdict), verdict.goes, verdict.reason, shelf.noun, artifacts)

    def cells(self) -> list[str]:
        word = "goes" if self.goes else "stays"
        of = f" ({self.artifacts[0]})" if self.artifacts and self.artifacts[0] != self.artifact else ""
        weight = size(self.bytes) if self.bytes else ""
        return [f"{self.artifact}{of}", weight, span(self.days * 86400), word, self.reason]


def _days(verdict: Judgement) -> float:
    return round(verdict.age.total_seconds() / 86400, 4)


@dataclass
class Left:
    """What is left of one kind: how many go and stay."""

    go: int = 0
    stay: int = 0
    go_bytes: int = 0


@dataclass
class Cleaned:
    """One environment: how many artifacts and bytes go and stay.

    `deleted` counts objects. `left` counts what deployments left on AWS, by kind; `left_deleted` what was deleted of
    that. `saved` and `costs` are an estimate in USD a month. `problem` is why it was not cleaned up, or not to the end;
    `unlisted` why a dry run does not show what is left on AWS, or not all. `contradictions` are lifecycle rules that
    delete what may be in use; `rows` are for `--explain`.
    """

    environment: str
    go: int = 0
    go_bytes: int = 0
    stay: int = 0
    stay_bytes: int = 0
    deleted: int = 0
    left: dict[str, Left] = field(default_factory=dict)
    left_deleted: int = 0
    saved: float = 0.0
    costs: float = 0.0
    hold: str = ""
    problem: str = ""
    unlisted: str = ""
    contradictions: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def count(self, swept: SweptArtifact, *, listing: bool) -> None:
        bytes_, goes = swept.artifact.size, swept.verdict.goes
        self.go, self.go_bytes = self.go + goes, self.go_bytes + bytes_ * goes
        self.stay, self.stay_bytes = self.stay + (not goes), self.stay_bytes + bytes_ * (not goes)
        self._price(bytes_, S3_STANDARD, goes=goes)
        if listing:
            self.rows.append(Row.of(swept))

    def count_left(self, shelf: Shelf, judged: Judged, *, listing: bool) -> None:
        left, goes = self.left.setdefault(shelf.noun, Left()), judged.verdict.goes
        left.go, left.stay = left.go + goes, left.stay + (not goes)
        left.go_bytes += judged.leftover.size * goes
        self._price(judged.leftover.size, shelf.price, goes=goes)
        if listing:
            self.rows.append(Row.left(shelf, judged))

    def _price(self, bytes_: int, price: float, *, goes: bool) -> None:
        usd = bytes_ / GB * price
        self.saved, self.costs = self.saved + usd * goes, self.costs + usd * (not goes)
