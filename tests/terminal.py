"""What a terminal shows in the end of what a program wrote to it: lines that were drawn over are gone.

It knows what rich and questionary use: carriage return, cursor up and down, erase line, erase below. Lines are not
wrapped at the terminal's width; whoever counts lines asks `rows` of them.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[=>78()][B0]?|(\r\n|\r|\n|\x08)|\x1b\][^\x07]*\x07")


class Grid:
    """Lines of text and a cursor."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0

    def write(self, text: str) -> None:
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def feed(self, row: int) -> None:
        self.row = max(0, row)
        while len(self.lines) <= self.row:
            self.lines.append("")

    def control(self, parameters: str, letter: str) -> None:
        count = int(parameters) if parameters.isdigit() else 0
        if letter in "AB":
            self.feed(self.row + (max(count, 1) if letter == "B" else -max(count, 1)))
        elif letter in "CD":
            self.column = max(0, self.column + (max(count, 1) if letter == "C" else -max(count, 1)))
        elif letter == "G":
            self.column = max(count, 1) - 1
        elif letter == "K":
            self.lines[self.row] = "" if count == 2 else self.lines[self.row][: self.column]
        elif letter == "J" and count == 0:
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]


def at_rest(written: str) -> list[str]:
    """The lines that stand when everything is written, without those that are empty at the end."""
    grid, at = Grid(), 0
    for found in _CONTROL.finditer(written):
        grid.write(written[at : found.start()])
        at = found.end()
        if found[2]:
            grid.control(found[1], found[2])
        elif found[3] == "\x08":
            grid.column = max(0, grid.column - 1)
        elif found[3]:
            grid.column = 0
            grid.feed(grid.row + (1 if "\n" in found[3] else 0))
    grid.write(written[at:])
    lines = [line.rstrip() for line in grid.lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def rows(lines: list[str], width: int = 80) -> int:
    """How many rows of a terminal they take."""
    return sum(max(1, -(-len(line) // width)) for line in lines)
