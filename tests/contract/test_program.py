"""A program that runs before somebody's eyes: its lines, its complaints, and what asks it to stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tagship.adapters.program import Program
from tagship.errors import Refused

# Says that it listens, and how often it was interrupted when half a second is over.
COUNTING = """
import signal, sys, time
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
signal.signal(signal.SIGTERM, lambda *_: heard.append(100))
print("listening", flush=True)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    time.sleep(0.01)
print(f"heard {sum(heard)}", flush=True)
"""


def python(text: str, folder: Path) -> Program:
    return Program([sys.executable, "-c", text], folder, {"PATH": os.environ["PATH"]})


def test_lines_are_passed_on_and_complaints_kept(tmp_path: Path) -> None:
    lines: list[str] = []
    text = "import sys; print('one'); print('two', flush=True); sys.stderr.write('oh\\xff no'); sys.exit(3)"
    assert python(text, tmp_path).run(lines.append) == (3, "ohÿ no")
    assert lines == ["one", "two"]


def test_more_complaints_than_a_pipe_holds_are_no_standstill(tmp_path: Path) -> None:
    text = "import sys; sys.stderr.write('x' * 1_000_000); print('done')"
    code, said = python(text, tmp_path).run(lambda _line: None)
    assert (code, len(said)) == (0, 1_000_000)


def test_what_it_writes_is_its_owners_alone_and_where_it_was_told(tmp_path: Path) -> None:
    assert python("open('plan', 'w').close()", tmp_path).run(print)[0] == 0
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o600


def test_its_environment_is_what_is_given_and_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    lines: list[str] = []
    python("import os; print(os.environ.get('OURS'))", tmp_path).run(lines.append)
    assert lines == ["None"]


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        Program(["no-such-program"], tmp_path, {}).run(print)
    assert caught.value.what == "no-such-program cannot be started: No such file or directory."


@pytest.mark.parametrize(
    ("signals", "heard"),
    [
        ([signal.SIGINT], 1),
        ([signal.SIGTERM], 1),
        ([signal.SIGHUP], 1),
        ([signal.SIGINT, signal.SIGTERM], 1),  # as GitHub cancels a job
        ([signal.SIGTERM, signal.SIGTERM], 1),
        ([signal.SIGINT, signal.SIGINT], 2),  # a person who means it
    ],
)
def test_it_is_asked_to_stop_and_waited_for(tmp_path: Path, signals: list[signal.Signals], heard: int) -> None:
    lines: list[str] = []

    def ask(line: str) -> None:
        lines.append(line)
        if line == "listening":
            for number in signals:
                os.kill(os.getpid(), number)
                time.sleep(0.1)  # two of a kind that come at once are one

    program = python(COUNTING, tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        program.run(ask)
    assert lines[1] == f"heard {heard}"
    assert signal.getsignal(signal.SIGTERM) is before
