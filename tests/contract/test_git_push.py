"""A push that fails: the remote is asked what it has, and its own words are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.adapters.git.remote import without_password
from tagship.errors import ServiceFailed
from tests.checkout import Checkout, git

BOTH = {"refs/heads/dev", "refs/tags/0.1.0-dev"}
CLOSED = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.commit("Work")
    return made


def mirrored(checkout: Checkout, hook: str = CLOSED) -> Path:
    """A second push URL, with a pre-receive hook."""
    mirror = checkout.folder / "mirror.git"
    git(checkout.folder, "init", "--quiet", "--bare", str(mirror))
    (mirror / "hooks/pre-receive").write_text(hook)
    (mirror / "hooks/pre-receive").chmod(0o755)
    for place in (checkout.remote, mirror):
        git(checkout.work, "remote", "set-url", "--add", "--push", "origin", str(place))
    return mirror


def test_one_of_two_push_urls_refuses(checkout: Checkout) -> None:
    mirror = mirrored(checkout)
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    pushed = checkout.repository.push(checkout.head, "dev", tag)
    assert not pushed.ok
    assert pushed.landed
    assert pushed.holds == {str(checkout.remote): BOTH, str(mirror): frozenset()}
    assert pushed.state == f"{checkout.remote} has dev and the tag 0.1.0-dev; {mirror} has nothing of it."
    assert checkout.tags_there() == ["0.1.0-dev"]


def test_one_of_two_push_urls_is_not_there(checkout: Checkout) -> None:
    mirror = mirrored(checkout)
    mirror.rename(checkout.folder / "gone.git")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    pushed = checkout.repository.push(checkout.head, "dev", tag)
    assert (pushed.ok, pushed.landed, pushed.unknown) == (False, True, True)
    assert pushed.rejected == {}
    assert "does not appear to be a git repository" in pushed.message
    assert pushed.state.endswith(f"; {mirror} does not say what it has.")


def test_both_push_urls_take_it(checkout: Checkout) -> None:
    mirror = mirrored(checkout, "#!/bin/sh\nexit 0\n")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert checkout.repository.push(checkout.head, "dev", tag).ok
    assert git(mirror, "tag") == "0.1.0-dev"


def test_one_of_two_push_urls_keeps_a_tag_that_is_undone(checkout: Checkout) -> None:
    refuse_deletion = '#!/bin/sh\nread _ new _; case $new in 000*) echo "tags stay"; exit 1;; esac\n'
    mirror = mirrored(checkout, refuse_deletion)
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert checkout.repository.push(checkout.head, "", tag).ok
    undone = checkout.repository.undo(tag)
    assert not undone.ok
    assert undone.state == f"{checkout.remote} has nothing of it; {mirror} has the tag 0.1.0-dev."
    assert undone.said == ("tags stay",)


def test_a_place_to_push_to_alone_is_asked_itself(checkout: Checkout) -> None:
    """url.<base>.pushInsteadOf: what is fetched from does not know what was pushed."""
    other = checkout.folder / "other.git"
    git(checkout.folder, "clone", "--quiet", "--bare", str(checkout.remote), str(other))
    (other / "hooks/update").write_text("#!/bin/sh\ncase $1 in refs/tags/*) exit 1;; esac\n")
    (other / "hooks/update").chmod(0o755)
    git(checkout.work, "config", f"url.{other}.pushInsteadOf", str(checkout.remote))
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    refused = checkout.repository.push(checkout.head, "dev", tag)
    assert list(refused.rejected) == ["refs/tags/0.1.0-dev"]
    assert refused.holds == {str(other): frozenset()}


def test_what_was_there_before_is_not_what_landed(checkout: Checkout) -> None:
    checkout.share()
    checkout.hook("update", "case $1 in refs/tags/*) exit 1;; esac\n")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    refused = checkout.repository.push(checkout.head, "dev", tag)
    assert refused.holds == {"origin": {"refs/heads/dev"}}
    assert not refused.landed


@pytest.mark.parametrize("place", ["stdout", "stderr"])
def test_the_servers_own_words_are_kept(checkout: Checkout, place: str) -> None:
    to = " >&2" if place == "stderr" else ""
    checkout.hook(
        "pre-receive", f"printf 'policy 7: \\033[2Jonly the release team\\n\\nsee the rules\\n'{to}; exit 1\n"
    )
    lines: list[str] = []
    repository = GitRepository(checkout.work, say=lines.append, inherited=os.environ)
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    refused = repository.push(checkout.head, "dev", tag)
    assert set(refused.rejected) == BOTH
    assert refused.said == (r"policy 7: \x1b[2Jonly the release team", "see the rules")
    assert [line.replace("\033", "ESC") for line in lines] == [
        "remote: policy 7: ESC[2Jonly the release team",
        "remote: see the rules",
    ]


def test_what_the_server_says_of_a_push_that_it_takes_is_heard(checkout: Checkout) -> None:
    checkout.hook("post-receive", "echo 'create a pull request: https://git.example.com/new'\n")
    lines: list[str] = []
    repository = GitRepository(checkout.work, say=lines.append, inherited=os.environ)
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).said == ("create a pull request: https://git.example.com/new",)
    assert lines == ["remote: create a pull request: https://git.example.com/new"], (
        "and no progress, and nothing of git's"
    )


def test_git_and_its_progress_are_not_heard(checkout: Checkout) -> None:
    (checkout.work / "much").write_bytes(bytes(range(256)) * 4000)
    git(checkout.work, "add", ".")
    checkout.commit("Much")
    lines: list[str] = []
    repository = GitRepository(checkout.work, say=lines.append, inherited=os.environ)
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).ok
    assert repository.undo(tag).ok
    assert lines == []


def test_a_refusal_before_anything_is_pushed_has_the_servers_words(checkout: Checkout) -> None:
    ssh = checkout.folder / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ERROR: The acme organization has enabled SAML SSO.' >&2; exit 1\n")
    ssh.chmod(0o755)
    git(checkout.work, "config", "core.sshCommand", str(ssh))
    git(checkout.work, "remote", "set-url", "origin", "ssh://git@host/x")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    with pytest.raises(ServiceFailed, match="has enabled SAML SSO"):
        checkout.repository.push(checkout.head, "dev", tag)


def test_a_tracking_branch_that_cannot_be_written_does_not_make_a_failure_of_a_push(checkout: Checkout) -> None:
    (checkout.work / ".git/refs/remotes/origin/dev.lock").write_text("")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    pushed = checkout.repository.push(checkout.head, "dev", tag)
    assert pushed.ok
    assert checkout.there()["refs/heads/dev"] == checkout.head


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("https://ada:token@git.example.com/x.git", "https://git.example.com/x.git"),
        ("https://token@git.example.com:8443/x", "https://git.example.com:8443/x"),
        ("ssh://git@host/x", "ssh://host/x"),
        ("git@github.com:acme/hello.git", "git@github.com:acme/hello.git"),
        ("/srv/a@b.git", "/srv/a@b.git"),
        ("origin", "origin"),
    ],
)
def test_a_place_is_named_without_its_password(place: str, shown: str) -> None:
    assert without_password(place) == shown
