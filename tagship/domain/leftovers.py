"""Which of what deployments leave beside their artifacts goes: versions of functions, task definitions, images. Pure.

An artifact's manifest goes first. What is left over from it goes after that, if

    no environment stores an artifact that it is of any longer (nor does the ledger protect one, see retention)
    nothing on AWS uses it: no alias, service, task, group or instance, and no image that stays refers to it
    no artifact that stays has its code: a function in which nothing changed keeps the version of an older artifact
    it is as old as an artifact has to be, by when it was made or used last
    tagship made it: what says so is the label that it carries

So nothing is decided twice: what an artifact needs is there for as long as its manifest is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tagship.domain.retention import UNDEPLOYED, Judgement, Policy


@dataclass(frozen=True)
class Leftover:
    """One thing that a deployment left.

    `id` names it to its shelf, `name` to people. `artifacts` are those that it is of; none: tagship did not make it,
    unless it is part of what has some. `made` is when it was made or used last, `size` in bytes, 0 if it costs nothing.
    `parts_of` are ids of what refers to it: it stays while one of them does. `images` are the digests that it names,
    `code` the one that it runs, which artifacts may have kept whose label it does not carry.
    """

    id: str
    name: str
    artifacts: Sequence[str]
    made: datetime | None
    size: int = 0
    parts_of: Sequence[str] = ()
    images: Sequence[str] = ()
    code: str = ""
    loose: bool = False  # it has no name, and nothing refers to it: only its age is asked


@dataclass(frozen=True)
class Judged:
    """A leftover, and what becomes of it."""

    leftover: Leftover
    verdict: Judgement


@dataclass(frozen=True)
class Rule:
    """What stays in one cleaning.

    `staying` maps artifacts that stay to the reason, `used` ids of leftovers to what uses them; `hold` is why nothing
    may go at all.
    """

    staying: Mapping[str, str]
    used: Mapping[str, str]
    policy: Policy
    now: datetime
    hold: str = ""

    def judge(self, leftovers: Sequence[Leftover]) -> list[Judged]:
        """Decide which of them go, what refers to others first."""
        by_id = {leftover.id: leftover for leftover in leftovers}
        reasons = {leftover.id: self._reason(leftover) for leftover in leftovers}
        order = self._outer_first(by_id)
        before = -1
        while (stay := sum(map(bool, reasons.values()))) != before:  # more than once if some refer in a ring
            before = stay
            for id_ in order:
                leftover = by_id[id_]
                whole = next((whole for whole in leftover.parts_of if reasons.get(whole)), "")
                if whole and (not reasons[id_] or not leftover.artifacts):
                    reasons[id_] = f"{by_id[whole].name} refers to it"
        return [Judged(by_id[id_], self._judgement(by_id[id_], reasons[id_])) for id_ in order]

    def _reason(self, leftover: Leftover) -> str:
        """Say why it stays by itself; empty if it may go."""
        age = self._age(leftover)
        artifact = next((artifact for artifact in leftover.artifacts if artifact in self.staying), "")
        reasons = (
            self.hold,
            self.used.get(leftover.id, ""),
            f"{artifact} stays: {self.staying.get(artifact)}" if artifact else "",
            "" if leftover.artifacts or leftover.parts_of or leftover.loose else "tagship did not make it",
            "its creation time is unknown" if leftover.made is None else "",
            "made less than a day ago" if age < UNDEPLOYED else "",
            f"younger than {self.policy.days} days" if age < self.policy.age else "",
        )
        return next(filter(None, reasons), "")

    def _age(self, leftover: Leftover) -> timedelta:
        return self.now - (leftover.made or self.now)

    def _judgement(self, leftover: Leftover, reason: str) -> Judgement:
        gone = "its artifact is gone" if leftover.artifacts else "nothing refers to it"
        return Judgement(not reason, reason or gone, self._age(leftover))

    @staticmethod
    def _outer_first(by_id: Mapping[str, Leftover]) -> list[str]:
        """Order ids so that what refers to another comes before it."""
        seen: dict[str, None] = {}

        def visit(id_: str, above: frozenset[str]) -> Iterator[str]:
            for whole in by_id[id_].parts_of:
                if whole in by_id and whole not in seen and whole not in above:
                    yield from visit(whole, above | {id_})
            if id_ not in seen:
                seen[id_] = None
                yield id_

        return [visited for id_ in by_id for visited in visit(id_, frozenset())]


def artifacts_in_use(leftovers: Sequence[Leftover], used: Mapping[str, str]) -> dict[str, str]:
    """Map artifacts to what on AWS uses something of them."""
    reasons: dict[str, str] = {}
    for leftover in leftovers:
        for artifact in leftover.artifacts if leftover.id in used else ():
            reasons.setdefault(artifact, f"{used[leftover.id]} ({leftover.name})")
    return reasons
