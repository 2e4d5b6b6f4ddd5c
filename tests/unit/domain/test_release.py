"""What is decided before a tag, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.forge import page, repository_of
from tagship.domain.release import (
    NOTES,
    Channel,
    ReleasePlan,
    channel,
    mail,
    message,
    parsed,
    rejection,
    why_not_next,
)
from tagship.domain.version import Version, newest
from tagship.errors import UsageError

NUMBER = st.integers(0, 12) | st.integers(0, 999_999_999)
NAME = st.builds(
    lambda a, b, c, suffix: f"{a}.{b}.{c}{suffix}", NUMBER, NUMBER, NUMBER, st.sampled_from(["-dev", "-prod", ""])
)
STRAY = st.sampled_from(
    [
        "v0.3.0-dev",
        "deploy-2024",
        "0.1-dev",
        "0.1.x-dev",
        "0.01.1-dev",
        "1.2.3-rc-dev",
        "1.2.3-dev2",
        "9" * 5000 + ".1.1-dev",
    ]
)


def in_pieces(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(st.sets(NAME | STRAY), st.sampled_from(["dev", ""]), st.integers(1, 7), st.integers(1, 200))
def test_the_highest_are_those_that_a_full_sort_finds(names: set[str], suffix: str, count: int, size: int) -> None:
    listing = "".join(f"{name}\n" for name in sorted(names)).encode()
    versions = [one for name in names if (one := Version.maybe(name)) and one.suffix == suffix]
    found = channel(in_pieces(listing, size), suffix, count)
    assert found.versions == newest(versions, count)
    assert not set(found.passed_over) & {str(one) for one in versions}


def test_ten_is_higher_than_nine_wherever_it_stands() -> None:
    listing = b"0.10.0-dev\n0.9.0-dev\n0.9.10-dev\n0.9.9-dev\n10.0.0-dev\n9.0.0-dev\n"
    found = channel([listing], "dev", 9).versions
    assert [str(one) for one in found] == [
        "10.0.0-dev",
        "9.0.0-dev",
        "0.10.0-dev",
        "0.9.10-dev",
        "0.9.9-dev",
        "0.9.0-dev",
    ]


def test_no_tag_is_no_version() -> None:
    for chunks in ([], [b""], [b"deploy-2024\n"]):
        assert channel(chunks, "dev", 5) == Channel([], [])


def test_names_that_only_look_like_numbers_are_passed_over() -> None:
    found = channel(["\u0660.\u0661.\u0662-dev\n0.1.0-dev\n".encode()], "dev", 5)
    assert found == Channel([Version(0, 1, 0, "dev")], [])


def test_a_name_that_looks_like_a_version_and_is_none_is_passed_over_by_name() -> None:
    listing = b"0.01.1-dev\n0.1.1732782000-dev\n0.1.2-dev\n1.0.0-dev2\n1.0.0-prod\n"
    found = channel([listing], "dev", 5)
    assert [str(one) for one in found.versions] == ["0.1.2-dev"]
    assert sorted(found.why_passed_over()) == [
        "The tag 0.01.1-dev is ignored: a number starts with 0.",
        "The tag 0.1.1732782000-dev is ignored: a number has more than 9 digits.",
    ]


def test_an_old_odd_name_is_not_told_of_at_every_release() -> None:
    assert channel([b"0.1.1732782000-dev\n0.2.1-dev\n"], "dev", 1).passed_over == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("0.1.3-dev", ""),
        ("0.1.2-dev", "it is taken: by Grace"),
        ("0.1.1-dev", "it is lower than the latest, 0.1.2-dev"),
        ("0.1.3-prod", "its suffix is not -dev"),
        ("0.1.3", "its suffix is not -dev"),
        ("0.1", "it is not three numbers, MAJOR.MINOR.PATCH"),
        ("", "it is empty"),
    ],
)
def test_an_entry_is_next_or_the_reason_is_told(entry: str, reason: str) -> None:
    latest = Version(0, 1, 2, "dev")
    found = why_not_next(
        entry, suffix="dev", latest=latest, holder=lambda name: "by Grace" if name == "0.1.2-dev" else ""
    )
    assert found == reason


def test_a_version_of_another_channel_is_told_how_it_would_be_right() -> None:
    with pytest.raises(UsageError) as told:
        parsed("0.1.3-prod", "dev")
    assert "--version 0.1.3-dev" in told.value.remedy
    with pytest.raises(UsageError, match="a final release has no suffix"):
        parsed("0.1.3-prod", "")


def test_a_message_names_twenty_commits_and_counts_the_rest() -> None:
    notes = [f"Commit {number}" for number in range(NOTES + 5)]
    told = message("hello", Version(0, 1, 0), who="Ada", where="here", source="dev", since="0.0.9", notes=notes)
    assert told.count("\n- ") == NOTES + 1
    assert told.endswith("- and 5 more")


@pytest.mark.parametrize(
    ("person", "address"),
    [("Ada <Ada@Example.com>", "ada@example.com"), ("<a@b>", "a@b"), ("", ""), ("Ada", "")],
)
def test_a_persons_mail_is_what_is_compared(person: str, address: str) -> None:
    assert mail(person) == address


def test_a_rejection_by_newer_commits_is_mended_by_a_pull() -> None:
    problem, remedy = rejection("dev", "origin", {"refs/heads/dev": "[rejected] (fetch first)"}, "inv deploy-dev")
    assert problem == "origin has newer commits (dev: [rejected] (fetch first))"
    assert remedy == "git pull --ff-only origin dev\n       Then: inv deploy-dev"


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("git@github.com:acme/hello.git", "github.com", "acme/hello"),
        ("https://github.com/acme/hello", "github.com", "acme/hello"),
        ("https://token@GitHub.com/acme/hello.git/", "github.com", "acme/hello"),
        ("ssh://git@git.acme.example:2222/acme/hello.js.git", "git.acme.example", "acme/hello.js"),
        ("acme/hello", "github.com", "acme/hello"),
    ],
)
def test_a_forge_is_read_off_the_remotes_url(url: str, host: str, name: str) -> None:
    assert repository_of(url) == (host, name)
    assert page(url) == f"https://{host}/{name}/actions"


@pytest.mark.parametrize(
    "url", ["/srv/git/hello.git", "../origin.git", "file:///srv/hello.git", "", "https://github.com/acme"]
)
def test_other_remotes_have_no_forge(url: str) -> None:
    assert repository_of(url) is None
    assert page(url) == url


def plan(*subjects: str, since: str = "0.1.1-dev") -> ReleasePlan:
    version = Version(0, 1, 2, "dev")
    return ReleasePlan("hello", "dev", version, "9e3816c" + "0" * 33, "dev", "", (), since=since, subjects=subjects)


def test_what_ships_is_one_line_however_much_it_is() -> None:
    two = plan("Answer faster", "Set the greeting").ships()
    assert two == "0.1.2-dev = 2 commits since 0.1.1-dev: Answer faster · Set the greeting"
    many = plan(*(f"{number} {'x' * 100}" for number in range(50))).ships()
    assert many.startswith("0.1.2-dev = 50 commits since 0.1.1-dev: 0 xxx")
    assert many.endswith(" · and 46 more")
    assert len(many) < 400
    assert plan().ships() == "0.1.2-dev = no commits since 0.1.1-dev"
    assert plan(since="").ships() == "0.1.2-dev = 9e3816c, the first version of its channel"
