"""The screen port: what reaches a terminal, a log, and a program that reads JSON."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pytest

from tagship.adapters.terminal import Phases, TerminalScreen
from tagship.ports.people import Screen
from tests.fakes.screen import FakeScreen
from tests.terminal import at_rest

ROWS = [("0.1.10-dev", "Ada", "latest"), ("0.1.9-dev", "Grace Hopper", "")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(*, as_json: bool = False, terminal: bool = False) -> tuple[TerminalScreen, io.StringIO, io.StringIO]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    return TerminalScreen(as_json=as_json, stdout=out, stderr=err), out, err


def lines_of(made: Screen, out: io.StringIO | None, err: io.StringIO | None) -> list[str]:
    """What a screen showed, line by line; the time before a phase is left out."""
    shown = (
        made.lines if isinstance(made, FakeScreen) else f"{out and out.getvalue()}{err and err.getvalue()}".split("\n")
    )
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line).strip() for line in shown]


@pytest.mark.parametrize("made", [(FakeScreen(), None, None), screen()], ids=["fake", "terminal"])
def test_every_screen_shows_what_verbs_say_once(made: tuple[Screen, io.StringIO | None, io.StringIO | None]) -> None:
    shows, out, _ = made
    shows.say("a line")
    shows.warn("careful")
    shows.table(("version", "by", ""), ROWS)
    with shows.live("Following") as show:
        show("build")
        show("build")
        show("deploy")
    lines = lines_of(*made)
    for line in ("a line", "warning: careful", "Following", "build", "deploy"):
        assert lines.count(line) == 1, line
    assert sum("0.1.10-dev" in line and "latest" in line for line in lines) == 1
    shows.data({"healthy": True})
    assert isinstance(shows, FakeScreen) or (
        out and json.loads(out.getvalue().split("deploy\n")[1]) == {"healthy": True}
    )


def test_a_log_gets_plain_columns() -> None:
    made, out, _ = screen()
    made.table(("version", "by", ""), ROWS)
    assert out.getvalue() == "version     by\n0.1.10-dev  Ada           latest\n0.1.9-dev   Grace Hopper\n"


def test_progress_in_a_log_is_a_line_a_phase_with_the_time() -> None:
    made, out, _ = screen()
    with made.live("Following 0.1.30-dev") as show:
        for phase in ("build", "build", "deploy"):
            show(phase)
    title, *lines = out.getvalue().splitlines()
    assert title == "Following 0.1.30-dev"
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "<time> ", line) for line in lines] == ["<time> build", "<time> deploy"]


def test_warnings_go_to_stderr() -> None:
    made, out, err = screen()
    made.warn("careful")
    assert (out.getvalue(), err.getvalue()) == ("", "warning: careful\n")


def test_with_json_stdout_holds_the_document_and_nothing_else() -> None:
    made, out, err = screen(as_json=True)
    made.say("a line")
    made.table(("version", "by", ""), ROWS)
    with made.live("Following") as show:
        show("build")
    made.data({"version": "0.1.30-dev"})
    assert json.loads(out.getvalue()) == {"version": "0.1.30-dev"}
    assert "a line" in err.getvalue()
    assert "build" in err.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_terminal_escapes_in_foreign_text_are_shown_and_not_obeyed(terminal: bool) -> None:
    made, out, _ = screen(terminal=terminal)
    evil = "Ada\x1b]0;owned\x07\x1b[2J\r\x9b31m[bold]x[/bold]"
    made.say(evil)
    made.table(("by",), [(evil,)])
    with made.live(evil) as show:
        show(evil)
        show("end")
    for sign in ("\x1b]0", "\x07", "\x1b[2J", "\x9b"):
        assert sign not in out.getvalue()
    assert r"\x1b]0;owned" in out.getvalue()
    assert "[bold]x[/bold]" in out.getvalue()


def test_a_phase_that_is_over_has_a_line_as_any_other() -> None:
    made, out, _ = screen()
    with made.live() as show:
        show("validate", took=3.0)
        show("set up", took=0.0)
        show("build")
        show("build", took=41.0)
    lines = [line[9:] for line in out.getvalue().splitlines()]
    assert lines == ["validate", "build"], "a phase that was announced is not told of again"


def test_a_stream_without_ticks_gets_something_else_and_no_error() -> None:
    raw = io.BytesIO()
    made = TerminalScreen(stdout=io.TextIOWrapper(raw, "ascii", write_through=True))
    made.say("✓ pushed")
    made.table(("by",), [("Zoë",)])
    assert raw.getvalue() == b"? pushed\nby\nZo?\n"


# -- phases on a terminal ---------------------------------------------------------------------------------------------


class Stopwatch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_phases_are_ticked_side_by_side_and_the_quick_ones_are_folded() -> None:
    clock = Stopwatch()
    phases = Phases(clock)
    phases.show("validate", took=3.0)
    phases.show("set up", took=0.0)
    phases.show("build")
    clock.now = 41.0
    phases.show("deploy")
    clock.now = 53.0
    assert phases.lines(80) == ["✓ validate 3 s   ✓ build 41 s   ● deploy 12 s"]
    assert phases.lines(28) == ["✓ validate 3 s", "✓ build 41 s   ● deploy 12 s"]
    phases.show("deploy", took=14.0)
    phases.end()
    assert phases.lines(80) == ["✓ validate 3 s   ✓ build 41 s   ✓ deploy 14 s"]


def test_a_phase_that_counts_is_one_and_is_ticked_with_its_last_count() -> None:
    clock = Stopwatch()
    phases = Phases(clock)
    phases.show("0 of 3 hosts answered")
    clock.now = 2.0
    phases.show("3 of 3 hosts answered")
    assert phases.lines(80) == ["● 3 of 3 hosts answered 2 s"]
    phases.show("recording how it ended")
    phases.end()
    assert phases.lines(80) == ["✓ 3 of 3 hosts answered 2 s"]


def test_where_every_phase_was_quick_the_last_one_stays() -> None:
    phases = Phases(Stopwatch())
    phases.show("validate")
    phases.show("deploy")
    phases.end()
    assert phases.lines(80) == ["✓ deploy"]


PROGRAM = """
import os
from tagship.adapters.terminal import TerminalScreen
screen = TerminalScreen(dumb=os.environ["TERM"] == "dumb")  # as bootstrap makes it
screen.table(("version", "by"), [("0.1.10-dev", "x" * 100)])
with screen.live("Following") as show:
    show("validate", took=3)
    show("build: Build the image")
    screen.say("  https://github.com/acme/hello/actions/runs/1234567890?a=a-long-one-that-does-not-fit-in-80")
    screen.warn("web-1 is slow")
    show("deploy: Deploy")
    show("deploy: Deploy", took=12)
print("end")
"""


def typed(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Every byte that a terminal of 80 columns gets."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    child = pexpect.spawn(sys.executable, ["-c", PROGRAM], dimensions=(24, 80), encoding="utf-8", timeout=20)
    return str(child.read())


def test_on_a_terminal_phases_are_ticked_in_place_and_lines_go_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = at_rest(typed(monkeypatch, TERM="xterm-256color"))
    assert lines[-5:] == [
        "Following",
        "  https://github.com/acme/hello/actions/runs/1234567890?a=a-long-one-that-does-not-fit-in-80",
        "warning: web-1 is slow",
        "✓ validate 3 s   ✓ deploy: Deploy 12 s",
        "end",
    ]
    table = lines[: lines.index("Following")]
    assert table
    assert all(len(line) <= 80 for line in table)


def test_no_color_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    text = typed(monkeypatch, TERM="xterm-256color", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(r"\d\d:\d\d:\d\d build: Build the image", typed(monkeypatch, TERM="dumb"))


GONE = """
import os, sys
from tagship.adapters.terminal import TerminalScreen
made = TerminalScreen(as_json=sys.argv[1] == "json")
sys.stdin.read(1)  # whoever read stdout has gone by now
made.say("a line")
made.table(("version",), [["0.1.0-dev"]] * 5000)
made.document("x" * 100_000)
made.data({"x": "y" * 100_000})
with open(sys.argv[2], "w") as done:
    done.write("the rest was done")
"""


@pytest.mark.parametrize("mode", ["json", "lines"])
def test_a_reader_that_ends_ends_nothing_else(mode: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", GONE, mode, str(tmp_path / "done")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(b"x")
        child.stdin.close()
        said = child.stderr.read().decode()
    assert child.returncode == 0
    assert "BrokenPipe" not in said
    assert (tmp_path / "done").read_text() == "the rest was done"


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    """A write to it answers EIO: whoever closes a laptop under nohup or in a detached session ends no deployment."""
    master, slave = os.openpty()
    with open(slave, "w") as terminal:
        os.close(master)
        made = TerminalScreen(stdout=terminal, stderr=terminal)
        made.say("a line")
        made.warn("another")


def test_a_time_in_json_is_iso_with_its_zone() -> None:
    made, out, _ = screen()
    made.data({"at": datetime(2026, 11, 20, 12, tzinfo=UTC), "path": Path("/x")})
    assert json.loads(out.getvalue()) == {"at": "2026-11-20T12:00:00+00:00", "path": "/x"}


def test_a_document_is_shown_as_it_is() -> None:
    (made, out, err), fake = screen(), FakeScreen()
    for each in (made, fake):
        each.document("#!/bin/bash\n")
    assert (out.getvalue(), err.getvalue()) == ("#!/bin/bash\n", "")
    assert fake.documents == ["#!/bin/bash\n"]


def test_a_document_has_one_line_end() -> None:
    made, out, _ = screen(as_json=True)
    made.document("#!/bin/bash\n\techo \x1b\n")
    assert out.getvalue() == "#!/bin/bash\n\techo \x1b\n"


class Full(io.StringIO):
    """A file on a disk that has no room any more."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file.open("w")

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fileno(self) -> int:
        return self._file.fileno()


def test_a_disk_without_room_for_a_log_stops_nothing_and_what_is_lost_is_known(tmp_path: Path) -> None:
    """A rollback whose log is on a full disk goes on; who started it hears of it at the end."""
    made = TerminalScreen(stdout=Full(tmp_path / "log"), stderr=io.StringIO())
    assert made.lost == ""
    made.say("sending rollback")
    made.table(("version",), [("0.1.9-dev",)])
    with made.live("Following") as show:
        show("the hosts act")
    made.say("0.1.9-dev is healthy on dev")
    assert made.lost == "No space left on device"
