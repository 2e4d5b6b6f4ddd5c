"""What a run of the tests hands to its children, and what it leaves where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import leftovers
from tests.sandbox.conftest import until
from tests.sandbox.machine import runs

ROOT = Path(__file__).parents[2]
# A test that starts a daemon of its own session, as the sandbox's is, says its pid, and is not done soon.
STARTS = """\
import subprocess, sys, time
def test_starts(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    started = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    (tmp_path.parent / "pid").write_text(str(started.pid))
    time.sleep({seconds})
"""
ASKS = """\
import os, subprocess, sys
def test_asks():
    program = "import signal; print([one.name for one in signal.Signals if signal.getsignal(one) is signal.SIG_IGN])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "SIGINT" not in said and "SIGHUP" not in said, said
"""
STARTED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)


def pytest_of(folder: Path, text: str, ignoring: tuple[signal.Signals, ...] = ()) -> subprocess.Popen[str]:
    """A run of one test, begun by something that ignores signals."""
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder), "-p", "tests.conftest"]
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in ignoring]
    try:
        return subprocess.Popen(
            [*command, "-p", "no:cacheprovider", "--basetemp", str(folder / "base"), str(folder / "test_it.py")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def started(folder: Path) -> Callable[[], str]:
    """The pid that the run's test has written, once it has."""
    file = folder / "base/pid"
    return lambda: file.read_text() if file.exists() else ""


def test_children_hear_the_signals_that_whoever_began_the_run_ignores(tmp_path: Path) -> None:
    run = pytest_of(tmp_path, ASKS, STARTED)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said


def test_the_run_itself_still_ignores_them(tmp_path: Path) -> None:
    run = pytest_of(tmp_path, STARTS.format(seconds=1), STARTED)
    pid = until(started(tmp_path), 60)
    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    leftovers.end(tmp_path / "base")
    assert (run.returncode, runs(pid)) == (0, False), said


def test_what_a_killed_run_started_ends_too(tmp_path: Path) -> None:
    run = pytest_of(tmp_path, STARTS.format(seconds=600))
    pid = until(started(tmp_path), 60)
    assert runs(pid)
    run.kill()
    run.communicate()
    until(lambda: not runs(pid))


def test_a_process_of_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours-too").mkdir()
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        subprocess.Popen(command, cwd=tmp_path / "ours") as mine,
        subprocess.Popen(command, cwd=tmp_path / "ours-too") as other,
    ):
        leftovers.end(tmp_path / "ours")
        ended = mine.wait(10), other.poll()
        other.kill()
    assert ended == (-signal.SIGKILL, None)
