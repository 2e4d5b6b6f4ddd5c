"""The log of a host: what it is asked, run by a real shell, and how its answer reads; no word of it can do anything."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.ec2.journal import LARGEST, MOST, journal_commands, read_journal
from tagship.domain.logs import TimeRange

NOW = datetime.now(UTC)
pytestmark = pytest.mark.starts("bash")


def answer(root: Path, since: timedelta = timedelta(minutes=10)) -> dict[str, Any]:
    script = "\n".join(journal_commands("hello", TimeRange(NOW - since)))
    environment = {"PATH": os.environ["PATH"], "TAGSHIP_HOST_ROOT": str(root)}
    run = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    line, *rest = run.stdout.split("\n")
    assert rest == [""]
    verdict: dict[str, Any] = json.loads(line)
    return verdict


def wrote(root: Path, name: str, text: str) -> Path:
    file = root / "opt/hello/log" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_app_s_files_are_read_and_no_other(tmp_path: Path) -> None:
    wrote(tmp_path, "1-app.log", "first\nsecond\n")
    wrote(tmp_path, "proxy.log", "not the app's\n")
    lines, cut = read_journal("web-1", answer(tmp_path)["facts"])
    assert ([line.text for line in lines], cut) == (["first", "second"], False)
    assert (lines[0].at, lines[0].unit, lines[0].id) == (None, "web-1", "1-app.log:1")


def test_a_file_that_nothing_was_written_to_since_then_is_left_out(tmp_path: Path) -> None:
    file = wrote(tmp_path, "1-app.log", "old\n")
    os.utime(file, (NOW.timestamp() - 3600,) * 2)
    assert read_journal("web-1", answer(tmp_path)["facts"]) == ([], False)


def test_a_host_that_is_a_folder_has_a_journal_of_its_own_for_jobs(tmp_path: Path) -> None:
    wrote(tmp_path, "1-app.log", "of a file\n")
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ntest "$2" = "hello@*.service" && echo "1700000000.5 host hello: ran"\n')
    program.chmod(0o755)
    lines, _ = read_journal("web-1", answer(tmp_path)["facts"])
    assert [line.text for line in lines] == ["ran", "of a file"]
    assert lines[0].at == datetime.fromtimestamp(1700000000.5, UTC)


def test_a_host_without_a_log_says_nothing(tmp_path: Path) -> None:
    assert read_journal("web-1", answer(tmp_path)["facts"]) == ([], False)


@pytest.mark.parametrize("text", ['"}}\n{"tagship":1', "$(touch /tmp/x) `id` \x1b[31m", "ünï \u2014 \u202e", "a\rb"])
def test_no_word_of_a_log_ends_the_answer_or_reaches_a_shell(tmp_path: Path, text: str) -> None:
    wrote(tmp_path, "1-app.log", f"{text}\n")
    lines, _ = read_journal("web-1", answer(tmp_path)["facts"])
    assert [line.text for line in lines] == text.split("\n")


def test_a_log_that_is_too_long_loses_its_oldest_lines_and_says_so(tmp_path: Path) -> None:
    noise = [base64.b64encode(os.urandom(90)).decode() for _ in range(900)]
    wrote(tmp_path, "1-app.log", "\n".join(noise) + "\n")
    verdict = answer(tmp_path)
    lines, cut = read_journal("web-1", verdict["facts"])
    assert cut
    assert [line.text for line in lines] == noise[-len(lines) :]
    assert 50 < len(lines) < 900
    assert len(json.dumps(verdict)) < 24_000


def facts(text: str, lines: int = MOST) -> dict[str, object]:
    return {"lines": lines, "log": base64.b64encode(gzip.compress(text.encode())).decode()}


def test_a_journal_s_lines_have_times_and_a_line_without_one_belongs_to_the_one_before() -> None:
    who = "ip-10 hello-blue[71]:"
    text = f"1764416000.250000 {who} Traceback:\n  boom: it broke\n1764416001.0 {who} a: b\n"
    lines, _ = read_journal("web-1", facts(text))
    assert [line.text for line in lines] == ["Traceback:", "boom: it broke", "a: b"]
    assert [line.clock for line in lines] == ["2025-11-29 11:33:20", "2025-11-29 11:33:20", "2025-11-29 11:33:21"]


def test_a_host_has_no_say_over_more_memory_than_that() -> None:
    lines, _ = read_journal("web-1", facts("x" * (3 * LARGEST)))
    assert len(lines) <= 1


@pytest.mark.parametrize(
    "wrong", [{}, {"log": "!", "lines": 1}, {"log": "aGVsbG8=", "lines": 1}, {"log": "", "lines": "1"}]
)
def test_what_is_no_log_is_not_taken_for_one(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^the answer (can't|does not)"):
        read_journal("web-1", wrong)


def test_the_lines_hold_nothing_of_a_window_but_numbers() -> None:
    first = journal_commands("hello", TimeRange(NOW, NOW + timedelta(seconds=5)))[0]
    since, until = int(NOW.timestamp()), int((NOW + timedelta(seconds=5)).timestamp()) + 1
    assert first == f"app=hello since={since} until={until} most={MOST}"
    assert not [line for line in journal_commands("hello", TimeRange(NOW)) if "{{" in line]
