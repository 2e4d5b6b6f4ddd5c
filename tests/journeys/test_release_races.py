"""Real races and interruptions: hooks of the remote that let somebody else be quicker, and Ctrl-C at its worst."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests import leftovers
from tests.checkout import git
from tests.sandbox.conftest import until
from tests.sandbox.release import INV, Typed


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(tmp_path)


def let_grace_be_quicker(typed: Typed, *names: str, commit: str = "") -> None:
    """At each push, before anything is taken, the next of Grace's tags lands on the remote."""
    at = commit or typed.there()["refs/heads/dev"]
    for name in names:
        body = f"object {at}\ntype commit\ntag {name}\ntagger Grace <grace@example.com> 1795000000 +0000\n\nGrace's\n"
        oid = git(typed.remote, "mktag", stdin=body)
        with (typed.remote / "waiting").open("a") as queue:
            queue.write(f"{name} {oid}\n")
    typed.hook(
        "pre-receive",
        "unset GIT_QUARANTINE_PATH\n"
        "read name oid < waiting || exit 0\n"
        "sed -i 1d waiting\n"
        'git update-ref "refs/tags/$name" "$oid"\n',
    )


@pytest.mark.parametrize("same_commit", [True, False], ids=["same commit", "another commit"])
def test_a_tag_taken_during_the_push_costs_a_number_and_nothing_else(typed: Typed, same_commit: bool) -> None:
    let_grace_be_quicker(typed, "0.1.1-dev", commit=typed.head if same_commit else "")
    done = typed.inv("deploy-dev", "--yes", "--no-follow", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "0.1.2-dev"
    assert "0.1.1-dev is commit" in done.stderr
    assert "by Grace <grace@example.com>" in done.stderr
    assert typed.tags_here() == typed.tags_there() == ["0.1.0-dev", "0.1.1-dev", "0.1.2-dev"]
    assert typed.here()["refs/tags/0.1.1-dev"] == typed.there()["refs/tags/0.1.1-dev"], "the winner's tag stands"


def test_five_numbers_are_tried_and_no_more(typed: Typed) -> None:
    let_grace_be_quicker(typed, *(f"0.1.{patch}-dev" for patch in range(1, 8)))
    done = typed.inv("deploy-dev", "--yes", "--no-follow")
    assert done.returncode == 3
    assert "Others took 5 versions in a row" in done.stderr
    assert typed.tags_there() == [f"0.1.{patch}-dev" for patch in range(6)]
    assert typed.tags_here() == typed.tags_there()[:5], "the last one lost was not looked for again"
    assert all("Grace" in git(typed.work, "cat-file", "tag", f"0.1.{patch}-dev") for patch in range(1, 5))


def test_a_tag_taken_meanwhile_is_offered_anew_at_the_prompt(typed: Typed) -> None:
    let_grace_be_quicker(typed, "0.1.1-dev")
    child = pexpect.spawn(
        INV,
        ["deploy-dev", "--no-follow"],
        cwd=str(typed.work),
        env=typed.environment,
        dimensions=(40, 80),
        encoding="utf-8",
        timeout=30,
    )
    for version in ("0.1.1-dev", "0.1.2-dev"):
        child.expect_exact(f"{version}  (patch)")
        child.expect_exact("another version")
        assert child.waitnoecho(10)  # keys are read as they come from then on
        child.send("\r")
        child.expect_exact(f" as {version} and push it with dev?")
        assert child.waitnoecho(10)  # keys are read as they come from then on
        child.send("\r")
    child.expect_exact("Pushed 0.1.2-dev to origin.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert typed.tags_there() == ["0.1.0-dev", "0.1.1-dev", "0.1.2-dev"]


def test_a_branch_that_moves_during_the_push_leaves_nothing_half_done(typed: Typed) -> None:
    hers = typed.grace_pushes("Hers")
    git(typed.remote, "update-ref", "refs/heads/dev", typed.head)
    typed.hook("pre-receive", f"unset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/dev {hers}\n")
    typed.commit("Mine")
    here = typed.here()
    done = typed.inv("deploy-dev", "--yes")
    assert done.returncode == 3, done.stderr
    assert "Neither the branch nor the tag was pushed, and the local tag is removed." in done.stderr
    assert typed.here() == here
    assert typed.tags_there() == ["0.1.0-dev"]
    assert typed.there()["refs/heads/dev"] == hers


@pytest.mark.parametrize("keys", ["\x03", "\x1b[B\x03", "\x04"], ids=["at once", "after moving", "end of input"])
def test_ctrl_c_at_the_prompt_changes_nothing(typed: Typed, keys: str) -> None:
    before = typed.both()
    child = pexpect.spawn(
        INV,
        ["deploy-dev"],
        cwd=str(typed.work),
        env=typed.environment,
        dimensions=(40, 80),
        encoding="utf-8",
        timeout=30,
    )
    child.expect_exact("another version")
    assert child.waitnoecho(10)
    child.send(keys)
    child.expect_exact("Nothing was changed.") if keys != "\x04" else None
    if keys == "\x04":
        child.sendcontrol("c")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert typed.both() == before


def interrupted_during_the_push(
    typed: Typed, hook: str, number: signal.Signals = signal.SIGINT
) -> subprocess.CompletedProcess[str]:
    """Send a signal to the command once the remote's hook has begun."""
    typed.hook("pre-receive", f"touch began\n{hook}\n")
    process = subprocess.Popen(
        [INV, "deploy-dev", "--yes"],
        cwd=typed.work,
        env=typed.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until((typed.remote / "began").exists, 30)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_ctrl_c_during_a_push_that_never_lands_removes_the_tag(typed: Typed) -> None:
    before = typed.both()
    done = interrupted_during_the_push(typed, "sleep 3; exit 1")
    assert done.returncode == 130, done.stderr
    assert "Interrupted during the push" in done.stderr
    assert "origin has no 0.1.1-dev of yours yet, and the local tag is removed." in done.stderr
    until(lambda: not any(leftovers.within(typed.folder)))
    assert typed.both() == before


def test_ctrl_c_during_a_push_is_made_good_by_the_next_run(typed: Typed) -> None:
    done = interrupted_during_the_push(typed, "sleep 2")
    assert done.returncode == 130, done.stderr
    until(lambda: not any(leftovers.within(typed.folder)))  # the remote had everything: it may have taken the push
    (typed.remote / "hooks" / "pre-receive").unlink()
    again = typed.inv("deploy-dev", "--yes")
    assert again.returncode == 0, again.stderr
    assert typed.tags_here() == typed.tags_there() == ["0.1.0-dev", "0.1.1-dev"]
    assert typed.there()["refs/heads/dev"] == typed.head


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_push_that_was_cut_off_may_still_land_and_that_is_said(typed: Typed, number: signal.Signals) -> None:
    done = interrupted_during_the_push(typed, "sleep 2", number)
    assert done.returncode == 130, done.stderr
    assert "may still land; then CI ships it" in done.stderr or "The push landed anyway" in done.stderr
    look = next(line for line in done.stderr.splitlines() if "inv deploy-dev" in line).split("inv ", 1)[1]
    until(lambda: not any(leftovers.within(typed.folder)))
    (typed.remote / "hooks" / "pre-receive").unlink()
    again = typed.inv(*look.split(), "--yes", "--no-follow")
    assert again.returncode == 0, again.stderr
    assert typed.tags_here() == typed.tags_there() == ["0.1.0-dev", "0.1.1-dev"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_push_says_that_nothing_was_changed(typed: Typed, number: signal.Signals) -> None:
    before = typed.both()
    child = pexpect.spawn(INV, ["deploy-dev"], cwd=str(typed.work), env=typed.environment, encoding="utf-8", timeout=30)
    child.expect_exact("another version")
    child.kill(number)
    child.expect_exact("Nothing was changed.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert typed.both() == before


def test_a_run_that_was_killed_after_tagging_converges(typed: Typed) -> None:
    typed.inv("tag", "--yes")
    assert typed.tags_there() == ["0.1.0-dev"]
    for _ in range(2):
        done = typed.inv("deploy-dev", "--yes")
        assert done.returncode == 0, done.stderr
        assert typed.tags_here() == typed.tags_there() == ["0.1.0-dev", "0.1.1-dev"]
