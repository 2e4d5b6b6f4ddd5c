"""The crash matrix: which actions are cut off, after which steps, by what, and what may serve then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

OLD, NEW, NEXT = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
Fault = Literal["program", "host"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
CRASHES = {"healthy": False, "fault": "crash"}
FADES = {"healthy": False, "fault": "fades"}  # healthy for as long as it is not asked through the proxy


@dataclass(frozen=True)
class Story:
    """An action that is cut off. Its steps are those that it writes when nobody does."""

    name: str
    action: str = "deploy"
    # What the new version is, and how it takes the old one's place.
    hello: Mapping[str, object] = field(default_factory=dict)
    zero_downtime: bool = True
    # What was there before: what is committed, and what serves. After which step the action before was cut off.
    committed: str = OLD
    serves: str = OLD
    cut: str = ""
    # The steps that only such an action writes; those before `since` and after `until` are another story's.
    shows: tuple[str, ...] = ()
    since: str = "accept"
    until: str = "end"
    # From which step on the new version answers. Between which steps nothing may.
    turns: str = ""
    silent: tuple[str, str] | None = None

    def part(self, steps: Sequence[str]) -> list[str]:
        """Of an uncut run's steps, those that this story is about, each once."""
        each = list(dict.fromkeys(steps))
        return each[each.index(self.since) : each.index(self.until) + 1]

    def may_serve(self, steps: Sequence[str], step: str, fault: Fault) -> set[str]:
        """What may be seen to serve after a fault; the empty word is nothing."""
        turned = self.turns in steps and steps.index(step) >= steps.index(self.turns)
        if fault == "host":  # a boot starts what was committed, and an action commits between the two steps
            return ({NEW} if step == "end" else {self.committed, NEW}) if turned else self.committed_or_serving()
        if self.silent and steps.index(self.silent[0]) <= steps.index(step) <= steps.index(self.silent[1]):
            return {"", self.committed}
        return {NEW} if turned else {self.serves}

    def committed_or_serving(self) -> set[str]:
        return {self.committed, self.serves} - ({""} if self.committed else set())


USUAL = ("accept", "secrets", "environment", "start", "health", "switch", "check", "drain", "stop", "commit", "prune")
STORIES = (
    Story("first", committed="", serves="", turns="check", shows=("fetch", "verify", "unpack", "account", *USUAL)),
    Story("deploy", turns="check", shows=("fetch", "verify", "unpack", *USUAL)),
    Story("rollback", action="rollback", turns="check", shows=tuple(step for step in USUAL if step != "secrets")),
    Story(
        "stop/start", zero_downtime=False, since="drain", turns="check", silent=("drain", "switch"), shows=("start",)
    ),
    Story("failing", hello=CRASHES, since="start", shows=("undo",)),
    Story("fading", hello=FADES, since="check", silent=("check", "undo"), shows=("undo",)),
    Story(
        "reviving", hello=CRASHES, zero_downtime=False, since="health", silent=("health", "revive"), shows=("revive",)
    ),
    # These begin where an action was cut off, and go on as a deployment does.
    Story("recovering", cut="health", until="recover", shows=("recover",)),
    Story("finishing", cut="check", serves=NEW, until="finish", shows=("finish",)),
    Story("undoing", cut="check", hello=FADES, serves="", until="undo", shows=("undo",)),
)


class Cut(NamedTuple):
    """One cell: an action that was cut off, and what was seen then. `said` begins with "ok" where all was well."""

    runtime: str
    story: str
    step: str
    fault: Fault
    said: str


class Journal(NamedTuple):
    """What an action of a story writes when nobody cuts it off: rows of the table."""

    runtime: str
    story: str
    steps: Sequence[str]


def chosen(story: Story, runtime: str, steps: Sequence[str], whole: bool) -> list[tuple[str, Fault]]:
    """The cells of a story: all, or about a tenth, by an odd stride from the last step that only it shows."""
    cells = [(step, fault) for step in steps for fault in FAULTS]
    first = len(FAULTS) * steps.index(story.shows[-1]) + (STORIES.index(story) + (runtime == "process")) % 2
    return cells if whole else cells[first % 9 :: 9]


def draw(journals: Sequence[Journal], cuts: Sequence[Cut]) -> list[str]:
    """A table for each runtime: steps down, actions across, and what served after each of the two faults."""
    across = [story.name for story in STORIES]
    journals = sorted(journals, key=lambda one: across.index(one.story) if one.story in across else 0)
    return [
        table([one for one in journals if one.runtime == runtime], [one for one in cuts if one.runtime == runtime])
        for runtime in sorted({one.runtime for one in cuts})
    ]


def table(journals: Sequence[Journal], cuts: Sequence[Cut]) -> str:
    tried = {(cut.story, cut.step, cut.fault): cut.said for cut in cuts}
    lines = [f"{'killed after':<13}" + "".join(f"{one.story:<12}" for one in journals)]
    for step in ordered([one.steps for one in journals]):
        row = [[tried.get((one.story, step, fault), "") for fault in FAULTS] for one in journals]
        there = [step in one.steps for one in journals]
        cells = ["/".join(map(short, said)) if here else "" for said, here in zip(row, there, strict=True)]
        lines.append((f"{step:<13}" + "".join(f"{cell:<12}" for cell in cells)).rstrip())
    green = sum(cut.said.startswith("ok") for cut in cuts)
    head = f"crashes, runtime {cuts[0].runtime}: what served after the program / after the whole host was killed"
    return "\n".join([head, *lines, f"{green} of {len(cuts)} green"])


def short(said: str) -> str:
    """What served, in a word; "-" where it was not tried."""
    return (said.removeprefix("ok: ").split(",")[0] if said.startswith("ok") else "FAILED") if said else "-"


def ordered(journals: Sequence[Sequence[str]]) -> list[str]:
    """Every step once, each after the one that it follows in a journal."""
    found: list[str] = []
    for journal in journals:
        place = 0
        for step in journal:
            if step not in found:
                found.insert(place, step)
            place = found.index(step) + 1
    return found
