"""deploy-dev at a terminal of 80 columns, from the prompt to a healthy host, and what it says when that fails."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pexpect
import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tests.sandbox import shop
from tests.sandbox.conftest import git, start
from tests.terminal import at_rest, rows

BIN = Path(sys.executable).parent
MOST = 20  # rows of a terminal that a release takes if all is well
WORKFLOW = """\
name: deploy-dev
on: {push: {tags: ["*-dev"]}}
permissions: {}
env: {PATH: "INSTALLED:/usr/local/bin:/usr/bin:/bin"}
jobs:
  ship:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
        with: {fetch-depth: 0}
      - {name: Validate, run: inv validate}
      - {name: Build, run: inv build}
      - {name: Bundle, run: inv bundle}
      - {name: Publish, run: inv publish}
      - {name: Deploy, run: inv deploy}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox of a repository that ships examples/hello to dev by the workflow above; 0.1.0-dev is out."""
    root = tmp_path_factory.mktemp("journey")
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/deploy-dev.yml").write_text(WORKFLOW.replace("INSTALLED", str(BIN)))
    (root / "tasks.py").write_text("from tagship.tasks import ns\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        shop.make(root, ["dev"], head=shop.HEAD)
        text = (root / "tagship.toml").read_text().replace('branch = "main"', 'branch = "dev"')
        (root / "tagship.toml").write_text(text)
        git(root, "commit", "--quiet", "--all", "-m", "Release from dev")
        running = start(root)
        assert inv(running, "deploy-dev", "--first", "--yes").returncode == 0
        yield running
    lifecycle.down(root)
    assert not processes.belonging(running.folder)


def environment() -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name not in {"CI", "GITHUB_TOKEN", "GH_TOKEN"}}
    kept["PATH"] = f"{BIN}{os.pathsep}{kept['PATH']}"  # what is printed begins with `inv`
    return {**kept, "TERM": "xterm-256color"}


def inv(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it in the practice clone, without a terminal."""
    return subprocess.run(
        [str(BIN / "inv"), *words], cwd=running.folder / "work", env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=False)  # fmt: skip


def commit(running: Running, subject: str, **config: object) -> str:
    work = running.folder / "work"
    said = {"greeting": "hello", "healthy": True, **config}
    (work / "examples/hello/hello.json").write_text(json.dumps(said))
    git(work, "commit", "--quiet", "--allow-empty", "--all", "-m", subject)
    return git(work, "rev-parse", "HEAD")


def at_a_terminal(running: Running, *words: str, talk: Sequence[tuple[str, str]] = ()) -> tuple[list[str], int]:
    """Type a command, and press a key at each question; the lines that stand in the end, and the exit code."""
    written = io.StringIO()
    child = pexpect.spawn(str(BIN / "inv"), list(words), cwd=str(running.folder / "work"), env=environment(),
                          dimensions=(40, 80), encoding="utf-8", timeout=180)  # fmt: skip
    child.logfile_read = written
    for question, key in talk:
        child.expect_exact(question)
        rest(child)
        child.send(key)
    child.expect(pexpect.EOF)
    child.close()
    return at_rest(written.getvalue()), int(child.exitstatus or 0)


def rest(child: pexpect.spawn[str]) -> None:
    """Until nothing more is drawn: keys that come before a prompt is ready would be lost to it."""
    while True:
        try:
            child.expect(".+", timeout=0.15)
        except pexpect.TIMEOUT:
            return


ENTER, DOWN = "\r", "\x1b[B"
RELEASE = [("another version", ENTER), ("and push it with dev?", ENTER)]


def test_the_happy_path_fits_on_twenty_rows(running: Running) -> None:
    commit(running, "Answer faster")
    head = commit(running, "Set the greeting", greeting="hello again")
    lines, code = at_a_terminal(running, "deploy-dev", talk=RELEASE)
    assert code == 0, lines
    assert rows(lines) <= MOST, lines
    text = "\n".join(lines)
    assert lines[0].startswith("SANDBOX: ")
    assert "hello: dev runs 0.1.0-dev (" in lines[1]
    assert "✓ 10 checks passed" in text
    assert "? Next version 0.1.1-dev  (patch)" in lines
    assert "  0.1.1-dev = 2 commits since 0.1.0-dev: Set the greeting · Answer faster" in lines
    assert f"? Tag {head[:7]} as 0.1.1-dev and push it with dev? (Y/n)" in lines
    assert "git push" not in text, "exact commands are for --dry-run and --verbose"
    assert lines[-1].startswith("0.1.1-dev is healthy on dev (")
    assert lines[-1].endswith("To take it back: inv rollback --to 0.1.0-dev")


def test_a_failure_shows_the_apps_own_words_and_both_ways_on_and_a_rerun_ships_it(running: Running) -> None:
    runs = git(running.folder / "work", "tag", "--list", "--sort=-version:refname").splitlines()[0]
    head = commit(running, "Break it", healthy=False)
    lines, code = at_a_terminal(running, "deploy-dev", talk=RELEASE)
    text = "\n".join(lines)
    assert code == 6, text
    evidence = [number for number, line in enumerate(lines) if line.startswith("| --- hello-dev-")]
    assert "its last answer: 500" in text
    error = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    assert error - evidence[0] <= 20
    assert f"  now: {runs} is serving." in lines
    version = git(running.folder / "work", "tag", "--points-at", head)
    again = f"inv deploy-dev --version {version} --commit {head[:12]} --rerun"
    assert again in text.replace("\n", "")
    # The cause is not mended, so the same run fails again; it is another attempt of it, not its old words.
    done = inv(running, *again.split()[1:])
    assert done.returncode == 6, done.stderr
    assert "It is run again." in done.stdout
    assert "validate" in done.stdout
    lines, code = at_a_terminal(running, "deploy-dev", talk=[("What now?", DOWN * 2 + ENTER)])
    assert code == 6
    assert any(line.startswith("error: The run of ") for line in lines)


def test_a_version_that_was_rolled_back_from_is_not_called_healthy_again(running: Running) -> None:
    commit(running, "Good one")
    shipped = inv(running, "deploy-dev", "--yes")
    assert shipped.returncode == 0, shipped.stderr
    version = git(running.folder / "work", "tag", "--points-at", "HEAD")
    before = shipped.stdout.rsplit("inv rollback --to ", 1)[1].strip()
    assert inv(running, "rollback", "--to", before, "--yes").returncode == 0
    done = inv(running, "deploy-dev", "--yes")
    assert done.returncode == 3
    assert f"{version} does not serve dev: {before} does (rollback by " in done.stderr
    back = next(line for line in done.stderr.splitlines() if "To bring it back: inv " in line).split("inv ", 1)[1]
    assert inv(running, *back.split()).returncode == 0, "the remedy works as it is printed"
    done = inv(running, "deploy-dev", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{version} is healthy on dev (recorded " in done.stdout


def test_a_published_version_keeps_its_tag(running: Running) -> None:
    done = inv(running, "tag", "--undo", "--version", "0.1.0-dev", "--yes")
    assert done.returncode == 3
    assert "0.1.0-dev keeps its tag: it was deployed before" in done.stderr
    assert "refs/tags/0.1.0-dev" in git(running.folder / "work", "ls-remote", "origin")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_following_says_that_the_deployment_goes_on(running: Running, number: int) -> None:
    commit(running, f"Interrupted by {number}")
    process = subprocess.Popen(
        [str(BIN / "inv"), "deploy-dev", "--yes"],
        cwd=running.folder / "work",
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    while "/actions/runs/" not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    version = git(running.folder / "work", "tag", "--points-at", "HEAD")
    assert f"  now: {version} is on origin, and its deployment goes on: it does not need this terminal." in said
    look = said.split(" next: Look again: inv ", 1)[1].split()
    done = inv(running, *look)
    assert done.returncode == 0, done.stderr
    assert f"{version} is healthy on dev" in done.stdout
