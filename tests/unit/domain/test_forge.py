"""What a remote's URL says: the host and the name, an alias that only ssh knows, and what to do about each."""

from __future__ import annotations

import pytest

from tagship.domain.forge import alias_of, page, repository_of, unreachable

HELLO = ("github.com", "acme/hello")


@pytest.mark.parametrize(
    "url",
    [
        "acme/hello",
        "git@github.com:acme/hello.git",
        "git@github.com:/acme/hello.git",
        "github.com:acme/hello",
        "ssh://git@github.com/acme/hello.git",
        "ssh://git@ssh.github.com:443/acme/hello.git",
        "git@ssh.github.com:acme/hello.git",
        "https://github.com/acme/hello",
        "https://ada:secret@GitHub.com/acme/hello.git/",
    ],
)
def test_each_spelling_of_a_remote_on_github_is_the_same_repository(url: str) -> None:
    assert repository_of(url) == HELLO
    assert alias_of(url) is None
    assert page(url) == "https://github.com/acme/hello/actions"


@pytest.mark.parametrize("url", ["git@work:acme/hello.git", "ssh://git@work/acme/hello.git", "work:/acme/hello"])
def test_a_host_alias_is_no_forge_and_the_remedy_names_the_repository(url: str) -> None:
    assert repository_of(url) is None
    assert alias_of(url) == ("work", "acme/hello")
    why, remedy = unreachable(url)
    assert "ssh host alias work" in why
    assert 'repository = "acme/hello" under [ci]' in remedy


@pytest.mark.parametrize(
    "url", ["/srv/git/hello.git", "../acme/hello", "C:/acme/hello", "https://localhost/acme/hello"]
)
def test_a_remote_elsewhere_is_neither(url: str) -> None:
    assert repository_of(url) is None
    assert alias_of(url) is None
    assert unreachable(url)[0] == "the remote is not on GitHub"


def test_a_token_is_what_is_missing_on_github_alone() -> None:
    assert unreachable("git@github.com:acme/hello.git")[0] == "there is no GitHub token"
