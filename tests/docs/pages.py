"""The blocks of the pages, and the notes above them that say how a block is tried.

A page is a story, read from top to bottom. What a reader does not see stands in HTML comments:

    <!-- story: newcomer            a new repository; what follows in the comment is typed first, unseen
    begin --hosts 3 -->
    <!-- first: COMMANDS -->        typed before the next block, in the shell of the story
    <!-- not run: WORD -->          the next block is not typed; WORD is one of REASONS
    <!-- exits: 9 -->               the last command of the next block ends with that code
    <!-- stands for: TEXT = COMMAND -->   what the command prints takes the place of TEXT in the blocks that follow
    <!-- then: TEXT = LINE -->      once the command shows TEXT, LINE is typed; ^C is Ctrl-C
    <!-- into: tagship.toml -->     the next block, of settings, is added to that file and committed
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(page.relative_to(TOP)) for page in (TOP / "docs").glob("*.md"))]
TYPED = {"sh", "console"}  # languages of blocks that are typed
LANGUAGES = TYPED | {"toml", "yaml", "hcl", "make", "json", "text"}
WORDS = ("story", "first", "not run", "exits", "stands for", "then", "into")
REASONS = {
    "place": "what it acts on is in a place of its own in the sandbox",
    "github": "it asks GitHub, by GitHub's own program",
    "host": "it is typed on a Linux host, as root",
    "tool": "it needs a program that is not Python, Git or make",
    "tested elsewhere": "a test of its own types it, which the comment names",
}

_DEMO = re.compile(r"<!-- demo: begin -->.*?<!-- demo: end -->", re.DOTALL)  # scripts/transcript.py holds that
_NOTE = re.compile(r"<!-- (" + "|".join(WORDS) + r"):\s(.*?)\s*-->", re.DOTALL)
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Note:
    """A comment above a block: what it is about, and what it says."""

    word: str
    text: str


@dataclass(frozen=True)
class Block:
    """What stands between two fences, with its notes; `line` is where it begins."""

    page: str
    line: int
    language: str
    text: str
    notes: tuple[Note, ...] = ()

    def of(self, word: str) -> list[str]:
        return [note.text for note in self.notes if note.word == word]

    @property
    def skipped(self) -> str:
        """The reason why it is not typed; empty if it is."""
        return (self.of("not run") or [""])[0]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass
class Story:
    """Blocks that are typed one after the other in a new repository, of that kind."""

    page: str
    kind: str
    before: str
    blocks: list[Block] = field(default_factory=list)


def blocks(page: str) -> list[Block]:
    """Every block of a page, without what the demo printed."""
    return list(_blocks(page, (TOP / page).read_text("utf-8")))


def _blocks(page: str, text: str) -> Iterator[Block]:
    text = _DEMO.sub(lambda found: "\n" * found[0].count("\n"), text)
    at = 0
    for fence in _FENCE.finditer(text):
        notes = tuple(Note(note[1], note[2].strip("\n")) for note in _NOTE.finditer(text, at, fence.start()))
        lines = [line.removeprefix(fence["indent"]) for line in fence["text"].splitlines()]
        yield Block(page, text.count("\n", 0, fence.start()) + 1, fence["language"], "\n".join(lines) + "\n", notes)
        at = fence.end()


def stories(page: str) -> list[Story]:
    """The stories of a page. Raises ValueError for a block that would be typed before any begins."""
    found: list[Story] = []
    for block in blocks(page):
        for begin in block.of("story"):
            kind, _, before = begin.partition("\n")
            found.append(Story(page, kind.strip(), before))
        if found:
            found[-1].blocks.append(block)
        elif block.language in TYPED and not block.skipped:
            raise ValueError(f"{block.where}: no story has begun; put <!-- story: KIND --> above it")
    return [story for story in found if any(block.language in TYPED and not block.skipped for block in story.blocks)]
