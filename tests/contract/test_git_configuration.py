"""The user's configuration: what would break the reading of git is pinned, and what is the user's right is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


ODD = {
    "advice.detachedHead": "false",
    "color.ui": "always",
    "color.advice": "always",
    "color.diff": "always",
    "color.push": "always",
    "color.remote": "always",
    "color.status": "always",
    "color.transport": "always",
    "column.ui": "always",
    "commit.gpgSign": "false",
    "commit.template": "/nonexistent",
    "core.abbrev": "4",
    "core.commentChar": "auto",
    "core.editor": "false",
    "core.logAllRefUpdates": "always",
    "core.pager": "false",
    "core.quotePath": "true",
    "core.warnAmbiguousRefs": "true",
    "diff.external": "false",
    "diff.mnemonicPrefix": "true",
    "diff.noprefix": "true",
    "diff.renames": "copies",
    "fetch.output": "compact",
    "fetch.prune": "true",
    "fetch.pruneTags": "true",
    "fetch.recurseSubmodules": "true",
    "format.pretty": "fuller",
    "gc.auto": "1",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "ISO-8859-1",
    "log.abbrevCommit": "true",
    "log.date": "relative",
    "log.decorate": "full",
    "log.follow": "true",
    "log.mailmap": "false",
    "log.showRoot": "true",
    "log.showSignature": "true",
    "pager.log": "true",
    "pager.tag": "true",
    "push.autoSetupRemote": "true",
    "push.default": "nothing",
    "push.followTags": "true",
    "push.gpgSign": "if-asked",
    "push.recurseSubmodules": "only",
    "push.useForceIfIncludes": "true",
    "remote.origin.tagOpt": "--tags",
    "remote.origin.prune": "true",
    "remote.pushDefault": "nowhere",
    "status.aheadBehind": "false",
    "status.branch": "false",
    "status.displayCommentPrefix": "true",
    "status.relativePaths": "true",
    "status.renames": "copies",
    "status.short": "true",
    "status.showStash": "true",
    "status.showUntrackedFiles": "no",
    "status.submoduleSummary": "true",
    "submodule.recurse": "true",
    "tag.sort": "-version:refname",
    "transfer.fsckObjects": "true",
    "versionsort.suffix": "-dev",
}


@pytest.fixture
def odd(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose user has set everything that can be set."""
    settings = tmp_path / "gitconfig"
    for name, value in ODD.items():
        git(tmp_path, "config", "--file", str(settings), name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for name in ("LANG", "LANGUAGE", "LC_ALL"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    return checkout


def test_a_release_is_the_same_whatever_is_configured(odd: Checkout) -> None:
    repository = odd.repository
    odd.tag("0.0.1-dev")
    odd.grace_tags("0.1.9-dev")
    odd.grace_tags("0.1.10-dev")
    last = odd.commit("Grüße: naïve café ☕")
    assert list(repository.fetch("dev", "dev")) == []
    assert [str(one) for one in repository.newest("dev", 2).versions] == ["0.1.10-dev", "0.1.9-dev"]
    assert list(repository.log("0.1.10-dev", last)) == ["Grüße: naïve café ☕"]
    tag = repository.create_tag("0.1.11-dev", last, "hello\n\n# Grüße: naïve café ☕")
    assert repository.push(last, "dev", tag).ok
    assert odd.tags_there() == ["0.1.10-dev", "0.1.11-dev", "0.1.9-dev"]
    assert "0.0.1-dev" in odd.tags_here(), "not pruned"
    assert git(odd.remote, "cat-file", "tag", "0.1.11-dev").endswith("# Grüße: naïve café ☕")
    assert repository.undo(tag).ok
    assert odd.tags_there() == ["0.1.10-dev", "0.1.9-dev"]


def test_the_checkout_is_read_the_same_whatever_is_configured(odd: Checkout) -> None:
    (odd.work / "kept ü").write_text("kept" * 20)
    git(odd.work, "add", ".")
    odd.commit("Files")
    (odd.work / "aside").write_text("")
    git(odd.work, "stash", "push", "--quiet", "--include-untracked")
    git(odd.work, "mv", "kept ü", "moved ü")
    (odd.work / "stray").write_text("")
    state = odd.repository.state("dev")
    assert (sorted(state.dirty), state.branch, state.ahead, state.behind) == (["moved ü", "stray"], "dev", 1, 0)


def test_refusals_are_read_the_same_whatever_is_configured(odd: Checkout) -> None:
    tag = odd.repository.create_tag("0.1.0-dev", odd.head, "hello")
    odd.grace_tags("0.1.0-dev")
    refused = odd.repository.push(odd.head, "dev", tag)
    assert list(refused.rejected) == ["refs/tags/0.1.0-dev"]
    assert list(odd.repository.fetch("dev", "dev")) == ["0.1.0-dev"]
    assert odd.repository.remote_tag("9.9.9-dev") is None
    odd.hook("pre-receive", "echo 'error: policy 7: not today'; exit 1\n")
    other = odd.repository.create_tag("0.2.0-dev", odd.head, "hello")
    assert odd.repository.push(odd.head, "dev", other).said == ("error: policy 7: not today",)


def test_submodules_are_pushed_by_nobody(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
    library = tmp_path / "library"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(library))
    for folder in (library, checkout.work / "vendor"):
        if folder.name == "vendor":
            git(checkout.work, "submodule", "--quiet", "add", str(library), "vendor")
            checkout.commit("A library")
        git(folder, "config", "user.name", "Ada")
        git(folder, "config", "user.email", "ada@example.com")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", "More")
    git(checkout.work, "add", "vendor")
    commit = checkout.commit("A newer library")
    git(checkout.work, "config", "submodule.recurse", "true")
    git(checkout.work, "config", "push.recurseSubmodules", "on-demand")
    tag = checkout.repository.create_tag("0.1.0-dev", commit, "hello")
    assert list(checkout.repository.fetch("dev", "dev")) == []
    assert checkout.repository.push(commit, "dev", tag).ok
    assert git(library, "rev-list", "--count", "main") == "1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "/nonexistent"),
        ("GIT_WORK_TREE", "/tmp"),
        ("GIT_INDEX_FILE", "/nonexistent/index"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
        ("GIT_COMMON_DIR", "/nonexistent"),
        ("GIT_NAMESPACE", "elsewhere"),
        ("GIT_PREFIX", "deploy/"),
        ("GIT_CONFIG", "/nonexistent"),
        ("GIT_SHALLOW_FILE", "/nonexistent"),
        ("GIT_TRACE2_PARENT_SID", "somebody"),
    ],
)
def test_variables_that_name_another_repository_are_taken_off(
    checkout: Checkout, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = checkout.head
    monkeypatch.setenv(name, value)
    tag = checkout.repository.create_tag("0.1.0-dev", head, "hello")
    assert checkout.repository.state("dev").head == head
    assert list(checkout.repository.state("dev").dirty) == []
    assert checkout.repository.push(head, "dev", tag).ok
    monkeypatch.delenv(name)
    assert checkout.tags_there() == ["0.1.0-dev"]


def test_a_hook_that_calls_tagship_has_the_repository_that_it_stands_in(checkout: Checkout, tmp_path: Path) -> None:
    """Git sets GIT_DIR and GIT_INDEX_FILE for its aliases and hooks."""
    git(tmp_path, "init", "--quiet", "--initial-branch=other", "other")
    code = "import os; from pathlib import Path; from tagship.adapters.git import GitRepository;"
    code += f"print(GitRepository(Path('{checkout.work}'), inherited=os.environ).state('dev').head)"
    shown = git(tmp_path / "other", "-c", f'alias.shown=!{sys.executable} -c "{code}"', "--git-dir=.git", "shown")
    assert shown == checkout.head


def test_replaced_objects_are_not_released(checkout: Checkout) -> None:
    """refs/replace is one person's own; what is released is what everybody has."""
    (checkout.work / "data").write_text("as committed")
    git(checkout.work, "add", ".")
    commit = checkout.commit("Data")
    other = git(checkout.work, "hash-object", "-w", "--stdin", stdin="another text")
    git(checkout.work, "replace", "HEAD:data", other)
    [(_, _, size, read)] = [(*file[:3], file[3](-1)) for file in checkout.repository.files(commit, ["data"])]
    assert (size, read) == (12, b"as committed")


def test_a_subject_keeps_what_unicode_calls_the_end_of_a_line(checkout: Checkout) -> None:
    checkout.tag("0.1.0-dev")
    last = checkout.commit("One\u2028line\x0band\x85no more")
    assert list(checkout.repository.log("0.1.0-dev", last)) == ["One\u2028line\x0band\x85no more"]


# -- the user's right --------------------------------------------------------------------------------------------------


def test_hooks_have_the_users_encoding(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    hook = checkout.work / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\nlocale charmap; echo naïve\n")
    hook.chmod(0o755)
    lines: list[str] = []
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert GitRepository(checkout.work, say=lines.append, inherited=os.environ).push(checkout.head, "dev", tag).ok
    assert lines == ["UTF-8", "naïve"]


def test_hooks_of_a_configured_folder_run(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks/pre-push"
    hook.write_text("#!/bin/sh\necho not on a Friday; exit 1\n")
    hook.chmod(0o755)
    git(checkout.work, "config", "core.hooksPath", str(tmp_path / "hooks"))
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    refused = checkout.repository.push(checkout.head, "dev", tag)
    assert refused.rejected == {"pre-push hook": "not on a Friday"}
    assert not refused.landed
    assert checkout.tags_there() == []


def test_another_name_and_rewritten_urls_are_followed(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout.work, "remote", "rename", "origin", "upstream")
    git(checkout.work, "remote", "set-url", "upstream", "company:origin.git")
    for number, (name, value) in enumerate({"insteadOf": "company:", "pushInsteadOf": "nowhere:"}.items()):
        monkeypatch.setenv("GIT_CONFIG_COUNT", str(number + 1))
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", f"url.{checkout.folder}/.{name}")
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    repository = GitRepository(checkout.work, "upstream", inherited=os.environ)
    assert list(repository.fetch("dev", "dev")) == []
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).ok
    assert repository.remote_tag("0.1.0-dev") == tag
