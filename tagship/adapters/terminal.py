"""What a person or a log reads: rich, imported when needed.

Text that comes from outside (a tag's message, a host's log) may hold terminal escapes: control characters are shown,
never obeyed.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from tagship.adapters.logged import FOLDED, logged
from tagship.domain.text import inert_json, lasted, packed, visible
from tagship.ports.people import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text


class TerminalScreen:
    """Writes lines to stdout, or to stderr beside a JSON document.

    `as_json` keeps stdout for the one JSON document. `dumb`: no line moves. `spelled` rewrites the commands
    in a line so that its reader can type them, `abridged` those in a table's cell, which has no room for a path.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        dumb: bool = False,
        spelled: Callable[[str], str] = str,
        abridged: Callable[[str], str] = str,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._dumb = dumb
        self._spelled = spelled
        self._abridged = abridged
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._lines = self._stderr if as_json else self._stdout
        self._live: Console | None = None  # while progress is shown, lines go above it
        self._drawn: Live | None = None
        self._draw: Callable[[], Live] | None = None
        self.lost = ""

    def say(self, text: str = "") -> None:
        self._print(text, self._lines)

    def warn(self, text: str) -> None:
        self._print(f"warning: {text}", self._stderr)

    def _print(self, text: str, stream: TextIO) -> None:
        """Print text; above the progress, if a terminal shows some."""
        shown = visible(self._spelled(text))
        if self._live and stream.isatty():
            self._live.out(shown, highlight=False)
        else:
            self._write(shown, stream)

    def _write(self, text: str, stream: TextIO) -> None:
        """Print a line; note why it is lost, and go on."""
        self.lost = _write(text, stream) or self.lost

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        shown = [[visible(self._abridged(cell)) for cell in row] for row in rows]
        if self._lines.isatty():
            self._rich_table(columns, shown)
        else:
            self._plain_table(columns, shown)

    def data(self, value: object) -> None:
        text = json.dumps(value, indent=2, default=_encoded)
        self._write(inert_json(text), self._stdout)

    def directive(self, line: str) -> None:
        self._write(line, self._lines)

    def document(self, text: str) -> None:
        self._write(text.removesuffix("\n"), self._stdout)

    @contextmanager
    def live(self, title: str = "") -> Iterator[Progress]:
        if title:
            self.say(title)
        if self._lines.isatty() and not self._dumb:
            with self._ticking() as show:
                yield show
        else:
            with logged(self.say) as show:
                yield show

    @contextmanager
    def _ticking(self) -> Iterator[Progress]:
        """Show phases side by side; tick each as it ends."""
        from rich.live import Live

        console, phases = self._console(), Phases()

        def drawn() -> Live:
            return Live(get_renderable=lambda: phases.rendered(console.width), console=console)

        with self._above(console, drawn):
            yield phases.show
            phases.end()

    @contextmanager
    def _above(self, console: Console, draw: Callable[[], Live]) -> Iterator[None]:
        self._live, self._draw = console, draw
        self._begin()
        try:
            yield
        finally:
            self._live = self._draw = None
            self._end()

    def _begin(self) -> None:
        if self._draw:
            self._drawn = self._draw()
            self._drawn.start(refresh=True)

    def _end(self) -> None:
        if self._drawn:
            self._drawn.stop()
        self._drawn = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._end()
        try:
            yield
        finally:
            self._begin()  # anew: the cursor is elsewhere by now

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=self._lines, highlight=False, markup=False, emoji=False)

    def _rich_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in parts, with the notes between them."""
        from rich.padding import Padding
        from rich.text import Text

        console = self._console()
        widths = _widths(columns, rows, console.width)
        console.print()
        part = _part(columns, widths, header=True)
        for row in rows:
            if len(row) == len(columns):
                part.add_row(*(Text(cell) for cell in row))
                continue
            console.print(part)
            console.print(Padding(Text(row[0]), (0, 0, 0, NOTE)))
            part = _part(columns, widths, header=False)
        console.print(part)
        console.print()

    def _plain_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = _widths(columns, rows)
        self._write("\n".join(_plain_row(row, widths) for row in (columns, *rows)), self._lines)


NOTE = 2  # characters that a note on a row is indented by


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> list[int]:
    """Return the width of each column.

    The last one has what is left of `width`; 0 is no limit.
    """
    lines = [columns, *(row for row in rows if len(row) == len(columns))]
    widest = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    left = width - sum(widest[:-1]) - 3 * (len(columns) - 1)
    return [*widest[:-1], min(widest[-1], max(1, left))] if width else widest


def _plain_row(row: Sequence[str], widths: Sequence[int]) -> str:
    if len(row) < len(widths):
        return f"{' ' * NOTE}{row[0]}"
    return "  ".join(map(str.ljust, row, widths)).rstrip()


def _part(columns: Sequence[str], widths: Sequence[int], *, header: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=header)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(Text(name), overflow="fold", min_width=width)
    return table


class Phases:
    """The phases that a terminal shows.

    One that took less than a second is folded away when it is over. One that counts (`1 of 3 hosts answered`) is one
    phase, ticked with its last count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended: list[tuple[str, float]] = []
        self._present, self._began = "", 0.0

    def show(self, phase: str, /, took: float | None = None) -> None:
        phase = visible(phase)
        if took is not None:
            self._present = self._present if self._present != phase else ""
            self._ended.append((phase, took))
        elif not _counts_on(self._present, phase):
            self.end()
            self._present, self._began = phase, self._clock()
        else:
            self._present = phase

    def end(self) -> None:
        """Tick the present phase."""
        if self._present:
            self._ended.append((self._present, self._clock() - self._began))
            self._present = ""

    def lines(self, width: int) -> list[str]:
        """Render the phases as lines for a terminal of that width."""
        shown = [f"✓ {phase} {lasted(took)}" for phase, took in self._ended if took >= FOLDED]
        if self._present:
            shown.append(f"● {self._present} {lasted(self._clock() - self._began)}")
        elif self._ended and not shown:
            shown.append(f"✓ {self._ended[-1][0]}")
        return packed(shown, width)

    def rendered(self, width: int) -> Text:
        """Render the phases for rich."""
        from rich.text import Text

        return Text("\n".join(self.lines(width)), no_wrap=True, overflow="ellipsis")


def _counts_on(before: str, phase: str) -> bool:
    """Tell whether only the numbers of a phase have changed."""
    number = re.compile(r"\d+")
    return number.sub("#", before) == number.sub("#", phase)


def _write(text: str, stream: TextIO) -> str:
    """Print a line; return why it is lost, if somebody wants it."""
    # `inv status | head -1`, a closed terminal, or a full disk: what is under way goes on. The stream holds what it
    # could not write, and would fail with it again when Python ends.
    try:
        print(_encodable(text, stream), file=stream, flush=True)
    except OSError as problem:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return "" if problem.errno in {errno.EPIPE, errno.EIO} else problem.strerror or str(problem)
    return ""


def _encodable(text: str, stream: TextIO) -> str:
    """Replace what the stream's encoding lacks."""
    # A tick must not end a release.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _encoded(value: object) -> str:
    """Encode what JSON cannot: times in ISO 8601, anything else as text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
