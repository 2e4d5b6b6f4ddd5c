"""Hooks as programs: those that hang, die, print without end or are interrupted, and what they are given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagship.adapters.aws.session import Aws
from tagship.adapters.hook_program import SHOWN, HookProgram
from tagship.adapters.hook_runner import LocalHookRunner
from tagship.domain.hook import HEAD, TAIL, HookOutcome
from tagship.errors import LeaseLost

MUCH = 10_000_000  # bytes
TOP = Path(__file__).parents[2]
LONG = 60  # seconds: nothing here takes so long unless it hangs

# Starts a child that outlives it unless it is ended, writes both ids, and waits.
CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("ids.part", "w").write(f"{os.getpid()} {child.pid}")
os.rename("ids.part", "ids")
print("ready", flush=True)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def program(text: str, folder: Path, lines: list[str] | None = None, grace: float = 10.0) -> HookProgram:
    say = (lines if lines is not None else []).append
    return HookProgram([sys.executable, "-c", text], folder, {"PATH": os.environ["PATH"]}, say, grace)


def run(text: str, folder: Path, timeout: int = LONG) -> HookOutcome:
    return program(text, folder).run(timeout, lambda _phase: None)


def gone(folder: Path) -> bool:
    """Whether every process of the group has ended."""
    ids = (folder / "ids").read_text("utf-8").split()
    return not any(_runs(each) for each in ids)


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(folder: Path) -> None:
    end = time.monotonic() + LONG
    while not gone(folder):
        assert time.monotonic() < end, "a process of the hook outlived it"
        time.sleep(0.05)


def test_what_ends_well_has_its_output_and_no_problem(tmp_path: Path) -> None:
    assert run("print('migrated 3 tables')", tmp_path) == HookOutcome("", "migrated 3 tables")


def test_its_errors_and_its_output_are_one_text_in_their_order(tmp_path: Path) -> None:
    text = "import sys; print('one', flush=True); sys.stderr.write('two\\n'); sys.exit(3)"
    assert run(text, tmp_path) == HookOutcome("it ended with exit code 3", "one\ntwo")


def test_control_characters_are_shown_and_obeyed_by_nobody(tmp_path: Path) -> None:
    lines: list[str] = []
    outcome = program(r"print('\x1b[2J::error::gone')", tmp_path, lines).run(LONG, lambda _phase: None)
    assert outcome.output == r"\x1b[2J::error::gone"
    assert lines == [r"| \x1b[2J::error::gone"]


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    outcome = run(CHILD + "time.sleep(600)", tmp_path, timeout=2)
    assert outcome == HookOutcome("it did not end within 2.0 s", "ready")
    until_gone(tmp_path)


def test_one_that_does_not_hear_the_request_to_end_is_killed(tmp_path: Path) -> None:
    hook = program(DEAF + CHILD + "time.sleep(600)", tmp_path, grace=0.2)
    assert hook.run(2, lambda _phase: None).problem == "it did not end within 2.0 s"
    until_gone(tmp_path)


def test_what_one_leaves_running_ends_with_it(tmp_path: Path) -> None:
    assert run(CHILD, tmp_path) == HookOutcome("", "ready")
    until_gone(tmp_path)


def test_one_that_dies_says_of_what(tmp_path: Path) -> None:
    assert run("import os; os.kill(os.getpid(), 9)", tmp_path).problem == "it was ended by SIGKILL"


def test_ten_megabytes_are_read_to_their_end_and_kept_within_bounds(tmp_path: Path) -> None:
    lines: list[str] = []
    text = f"print('first'); print(('y' * 99 + '\\n') * {MUCH // 100}, end=''); print('last')"
    outcome = program(text, tmp_path, lines).run(LONG, lambda _phase: None)
    assert outcome.problem == ""
    assert outcome.output.startswith("first\n")
    assert outcome.output.endswith("last")
    assert len(outcome.output) < HEAD + TAIL + 100
    assert len(lines) == SHOWN + 1
    assert lines[-1] == f"({MUCH // 100 + 2 - SHOWN:,} more lines are not shown)"


def test_ten_megabytes_in_one_line_are_no_standstill(tmp_path: Path) -> None:
    outcome = run(f"print('x' * {MUCH})", tmp_path)
    assert outcome.problem == ""
    assert len(outcome.output) < HEAD + TAIL + 100


def test_a_command_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    missing = HookProgram(["no-such-program"], tmp_path, {}, print)
    assert missing.run(LONG, lambda _phase: None).problem == (
        "no-such-program can't be started: No such file or directory"
    )


@pytest.mark.parametrize("raised", [KeyboardInterrupt, LeaseLost])
def test_what_ends_the_wait_ends_the_command_first(tmp_path: Path, raised: type[BaseException]) -> None:
    def tick(_phase: str) -> None:
        if (tmp_path / "ids").exists():
            raise raised("gone", remedy="look") if raised is LeaseLost else raised

    with pytest.raises(raised):
        program(CHILD + "time.sleep(600)", tmp_path).run(LONG, tick)
    until_gone(tmp_path)


RUNS = """
import sys
from pathlib import Path
from tagship.adapters.hook_program import HookProgram
print(HookProgram([sys.executable, "-c", sys.argv[1]], Path(), {}, print).run(60, lambda _phase: None))
"""


def test_a_ctrl_c_at_the_terminal_reaches_the_command_through_us(tmp_path: Path) -> None:
    ours = subprocess.Popen(
        [sys.executable, "-c", RUNS, CHILD + "time.sleep(600)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + LONG
    while not (tmp_path / "ids").exists():
        assert time.monotonic() < end, "the hook never began"
        time.sleep(0.05)
    ours.send_signal(signal.SIGINT)
    _, complaint = ours.communicate(timeout=LONG)
    assert "KeyboardInterrupt" in complaint
    until_gone(tmp_path)


# -- what it is given --------------------------------------------------------------------------------------------------

SHOW = "import os; print(sorted(os.environ.items()))"


def shown(folder: Path, inherited: dict[str, str], *, sandbox: bool = False) -> str:
    aws = Aws("eu-west-1", "http://127.0.0.1:9" if sandbox else None, sandbox=sandbox)
    runner = LocalHookRunner(aws, folder, folder / "home", print, inherited, ["SLACK_URL"])
    variables = {"VERSION": "0.1.30-dev", "IMAGE_DIGEST": None}
    return runner.command([sys.executable, "-c", SHOW], variables, LONG, lambda _phase: None).output


INHERITED = {
    "PATH": os.environ["PATH"],
    "AWS_PROFILE": "work",
    "DATABASE_URL": "postgres://db",
    "IMAGE_DIGEST": "of another build",
    "GITHUB_TOKEN": "ghs_x",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
    "SLACK_URL": "https://hooks.slack.com/x",
}


def test_it_gets_the_callers_variables_and_none_that_tagship_signs_in_with(tmp_path: Path) -> None:
    given = shown(tmp_path, INHERITED)
    for pair in ("('VERSION', '0.1.30-dev')", "('DATABASE_URL', 'postgres://db')", "('AWS_PROFILE', 'work')"):
        assert pair in given
    for name in ("IMAGE_DIGEST", "GITHUB_TOKEN", "ACTIONS_", "SLACK_URL"):
        assert name not in given


def test_in_a_sandbox_it_gets_nothing_of_the_callers_accounts(tmp_path: Path) -> None:
    given = shown(tmp_path, INHERITED, sandbox=True)
    assert "('AWS_ENDPOINT_URL', 'http://127.0.0.1:9')" in given
    assert f"('HOME', '{tmp_path / 'home'}')" in given
    for name in ("AWS_PROFILE", "DATABASE_URL", "GITHUB_TOKEN", "SLACK_URL"):
        assert name not in given
