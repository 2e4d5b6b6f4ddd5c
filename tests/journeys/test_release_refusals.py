"""What `deploy-dev` refuses, as typed: the message, the exit code, and both sides as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout import git
from tests.sandbox.release import Typed


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(tmp_path)


def wrong_branch(typed: Typed) -> None:
    git(typed.work, "switch", "--quiet", "--create", "feature")


def detached(typed: Typed) -> None:
    git(typed.work, "checkout", "--quiet", "--detach")


def dirty(typed: Typed) -> None:
    (typed.work / "new.py").write_text("")


def behind(typed: Typed) -> None:
    typed.grace_pushes("Hers")


def diverged(typed: Typed) -> None:
    typed.grace_pushes("Hers")
    typed.commit("Mine")


def no_remote(typed: Typed) -> None:
    git(typed.work, "remote", "remove", "origin")


def unreachable(typed: Typed) -> None:
    git(typed.work, "remote", "set-url", "origin", str(typed.folder / "nowhere.git"))


def shallow(typed: Typed) -> None:
    (typed.work / ".git" / "shallow").write_text(git(typed.work, "rev-parse", "HEAD") + "\n")


def moved(typed: Typed) -> None:
    typed.grace_pushes("Hers")
    typed.grace_tags("0.1.0-dev", force=True)
    git(typed.work, "pull", "--quiet", "--ff-only", "--no-tags", "origin", "dev")


def nameless(typed: Typed) -> None:
    git(typed.work, "config", "--unset", "user.email")
    git(typed.work, "config", "user.useConfigOnly", "true")


def protected(typed: Typed) -> None:
    typed.hook("update", 'case "$1" in refs/heads/*) echo "GH006: Protected branch update failed"; exit 1;; esac\n')
    typed.commit("Mine")


def tags_protected(typed: Typed) -> None:
    typed.hook("update", 'case "$1" in refs/tags/*) exit 1;; esac\n')


def hooked(typed: Typed) -> None:
    hook = typed.work / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\necho 'the linter found 3 problems'; exit 1\n")
    hook.chmod(0o755)


def hooked_elsewhere(typed: Typed) -> None:
    hooked(typed)
    git(typed.work, "config", "core.hooksPath", str((typed.work / ".git/hooks").rename(typed.folder / "our hooks")))


def signing_without_a_key(typed: Typed) -> None:
    git(typed.work, "config", "tag.gpgSign", "true")
    git(typed.work, "config", "gpg.program", "false")


def locked(typed: Typed) -> None:
    (typed.work / ".git/refs/tags/0.1.1-dev.lock").write_text("")


CASES: list[tuple[Callable[[Typed], None], str, str]] = [
    (wrong_branch, "you are on feature; this is released from dev", "git switch dev"),
    (detached, "HEAD is detached", "git switch dev"),
    (dirty, "not committed: new.py", "git stash --include-untracked"),
    (behind, "origin/dev has 1 commit more", "git pull --ff-only origin dev"),
    (diverged, "dev and origin/dev have diverged: 1 commit here, 1 commit there", "git pull --rebase origin dev"),
    (no_remote, "There is no remote origin", "git remote add origin <url>"),
    (unreachable, "The remote origin cannot be reached", "git ls-remote --heads origin"),
    (shallow, "the clone is shallow", "git fetch --unshallow origin"),
    (moved, "not the same tag here and on origin: 0.1.0-dev", "git fetch --no-tags --force origin"),
    (nameless, "Git does not know who you are (fatal: ", "git config --global user.email"),
    (protected, "dev: [remote rejected] (hook declined)", "Merge the commit into dev by its rules"),
    (hooked, "the pre-push hook of this repository refused it (the linter found 3 problems)", "then: inv deploy-dev"),
    (hooked_elsewhere, "the pre-push hook of this repository refused it", "then: inv deploy-dev"),
    (signing_without_a_key, "Git did not sign the tag 0.1.1-dev: error: ", "git config user.signingKey"),
    (locked, "left its lock: ", "If no git runs here: rm "),
    (tags_protected, "origin refused the push", "then: inv deploy-dev"),
]


@pytest.mark.parametrize(("spoil", "problem", "remedy"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_checkout_or_remote_that_is_not_ready_is_refused(
    typed: Typed, spoil: Callable[[Typed], None], problem: str, remedy: str
) -> None:
    spoil(typed)
    before = typed.both()
    done = typed.inv("deploy-dev", "--yes")
    assert done.returncode == 3, done.stderr
    assert problem in done.stderr
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
    assert typed.both() == before


VERSIONS: list[tuple[str, int, str]] = [
    ("latest", 2, "is not three numbers"),
    ("0.1.1-prod", 2, "its suffix is not -dev"),
    ("0.0.9-dev", 3, "lower than the latest, 0.1.0-dev"),
    ("0.1.0-dev", 3, "it is taken: 0.1.0-dev is commit"),
    ("0.1.30-dev; rm -rf /", 2, "characters other than"),
    ("0.1.30-dev\nevil", 2, "characters other than"),
    ("0.1.\u0663-dev", 2, "characters other than plain"),
    ("0.1." + "3" * 300, 2, "304 characters"),
]


@pytest.mark.parametrize(("version", "code", "problem"), VERSIONS)
def test_a_version_that_cannot_be_is_refused(typed: Typed, version: str, code: int, problem: str) -> None:
    before = typed.both()
    done = typed.inv("deploy-dev", "--yes", "--version", version)
    assert done.returncode == code, done.stderr
    assert problem in done.stderr
    assert typed.both() == before


def test_without_a_terminal_it_says_which_flags_it_wanted(typed: Typed) -> None:
    before = typed.both()
    done = typed.inv("deploy-dev")
    assert done.returncode == 2
    assert "inv deploy-dev --version 0.1.1-dev --yes" in done.stderr
    assert typed.both() == before


def test_several_problems_are_told_at_once(typed: Typed) -> None:
    dirty(typed)
    diverged(typed)
    done = typed.inv("deploy-dev", "--yes")
    assert done.returncode == 3
    assert "Refused by 2 checks" in done.stderr
    assert "git stash" in done.stderr
    assert "git pull --rebase origin dev" in done.stderr


def test_a_channel_without_tags_wants_first(tmp_path: Path) -> None:
    typed = Typed(tmp_path)
    typed.inv("tag", "--undo", "--version", "0.1.0-dev", "--yes")
    assert typed.tags_there() == []
    done = typed.inv("deploy-dev", "--yes")
    assert done.returncode == 3
    assert "inv deploy-dev --yes --first" in done.stderr
    assert typed.tags_here() == typed.tags_there() == []
