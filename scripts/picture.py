"""A picture of a real run for the README: `python -m scripts.picture` writes docs/demo.svg.

Plays the demo in a terminal of its own (pexpect), reads off what it shows at its end (pyte, a terminal emulator), and
has rich draw the scenes from the broken version on. Nothing in it is typed by hand; this machine's names are taken out.
"""

from __future__ import annotations

import getpass
import io
import os
import re
import socket
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pexpect
import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

PICTURE = Path("docs/demo.svg")
COLUMNS, ROWS = 100, 600  # nothing scrolls off: what moves a line up again finds it
BEGINS, ENDS = "3. Ship a broken", "Done in "
LONGEST = 300  # seconds that the demo may take
COLOURS = {"default": None, "brown": "yellow"}  # pyte's names that are not rich's


def main() -> int:
    """Play the demo and draw it; the demo's exit code."""
    screen, code = played()
    if code:
        return code
    lines = [styled(row(screen, number)) for number in range(screen.cursor.y + 1)]
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in scenes(lines):
        console.print(line, no_wrap=True, crop=True)
    console.save_svg(str(PICTURE), title="make demo", unique_id="demo")
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KB")
    return 0


def played() -> tuple[pyte.Screen, int]:
    """What a terminal shows when the demo has ended, and its exit code."""
    screen = pyte.Screen(COLUMNS, ROWS)
    screen.set_mode(pyte.modes.LNM)
    stream = pyte.ByteStream(screen)
    program = str(Path(sys.executable).parent / "inv")
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    demo = pexpect.spawn(program, ["demo"], dimensions=(ROWS, COLUMNS), env=variables, timeout=LONGEST)
    while True:
        try:
            stream.feed(demo.read_nonblocking(65536, timeout=LONGEST))
        except pexpect.EOF:
            break
    demo.close()
    return screen, demo.exitstatus or 0


def row(screen: pyte.Screen, number: int) -> list[Char]:
    return [screen.buffer[number][column] for column in range(COLUMNS)]


def styled(characters: Sequence[Char]) -> Text:
    """A line of the terminal with its colours, and no blanks at its end."""
    text = Text()
    for style, group in groupby(characters, lambda char: (char.fg, char.bold)):
        text.append("".join(char.data for char in group), Style(color=colour(style[0]), bold=style[1]))
    text.rstrip()
    return text


def colour(name: str) -> str | None:
    """Rich's name of one of pyte's colours."""
    return COLOURS.get(name, f"#{name}" if len(name) == 6 and name.isalnum() and name != "yellow" else name)


def scenes(lines: Sequence[Text]) -> list[Text]:
    """From the first scene that is drawn to what comes before the demo's end, rules left out."""
    plain = [line.plain for line in lines]
    begin = next(number for number, text in enumerate(plain) if text.startswith(BEGINS))
    end = next(number for number, text in enumerate(plain) if text.startswith(ENDS))
    drawn = [line for line in lines[begin:end] if not line.plain.startswith("─")]
    while not drawn[-1].plain.strip():
        drawn.pop()
    return [nobody(line) for line in drawn]


def nobody(line: Text) -> Text:
    """A line without this machine's names, its columns where they were."""
    plain = line.plain
    user, host = getpass.getuser(), socket.gethostname()
    for name, other in ((f"{user}@{host}", "ada@laptop"), (f"{user}, CI", "ada, CI"), (f"{user})", "ada)")):
        plain = re.sub(rf"\b{re.escape(name)}( *)", lambda found: other.ljust(len(found[0])), plain)  # noqa: B023
    return line if plain == line.plain else Text(plain)


if __name__ == "__main__":
    sys.exit(main())
