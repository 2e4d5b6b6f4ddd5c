"""Tags that somebody made by hand, or long ago: each is read, or passed over by its name; none stops a channel."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagship.errors import Refused
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def tag_object(checkout: Checkout, name: str, header: str, kind: str = "commit", of: str = "HEAD") -> None:
    """A tag as git itself would no longer write it."""
    oid = git(checkout.work, "rev-parse", of)
    text = f"object {oid}\ntype {kind}\ntag {name}\n{header}\nhello\n"
    made = git(checkout.work, "hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=text)
    git(checkout.work, "update-ref", f"refs/tags/{name}", made)


@pytest.mark.parametrize(
    ("header", "tagger", "when"),
    [
        ("tagger Old Hand <o@x> 1312735823 +5130\n", "Old Hand <o@x>", datetime(2011, 8, 7, 16, 50, 23, tzinfo=UTC)),
        ("tagger Old Hand <o@x> 1312735823 -9999\n", "Old Hand <o@x>", datetime(2011, 8, 7, 16, 50, 23, tzinfo=UTC)),
        ("tagger Old Hand <o@x> 99999999999999 +0000\n", "Old Hand <o@x>", None),
        ("tagger Old Hand <o@x> soon\n", "Old Hand <o@x>", None),
        ("tagger Old Hand <o@x>\n", "Old Hand <o@x>", None),
        ("", "", None),
    ],
)
def test_a_tag_with_a_time_that_cannot_be_is_read(
    checkout: Checkout, header: str, tagger: str, when: datetime | None
) -> None:
    tag_object(checkout, "0.1.1-dev", header)
    [tag] = checkout.repository.tags(["0.1.1-dev"])
    assert (tag.commit, tag.tagger) == (checkout.head, tagger)
    assert tag.when in {when, datetime(1970, 1, 1, tzinfo=UTC)} if when is None else tag.when == when
    assert [str(one) for one in checkout.repository.newest("dev", 5).versions] == ["0.1.1-dev"]
    last = checkout.commit("More")
    assert list(checkout.repository.log("0.1.1-dev", last)) == ["More"]


def test_a_tag_of_a_tag_is_a_tag_of_its_commit(checkout: Checkout) -> None:
    commit = checkout.head
    checkout.tag("inner")
    checkout.commit("More")
    checkout.tag("middle", "inner")
    checkout.tag("0.1.0-dev", "middle")
    tag = checkout.repository.tag("0.1.0-dev")
    assert tag
    assert tag.commit == commit
    assert checkout.repository.push(checkout.head, "dev", tag).ok
    assert checkout.repository.remote_tag("0.1.0-dev") == tag


def test_a_tag_of_a_file_has_no_commit_and_no_notes(checkout: Checkout) -> None:
    blob = git(checkout.work, "hash-object", "-w", "--stdin", stdin="a key")
    checkout.tag("0.1.0-dev", blob)
    git(checkout.work, "tag", "0.1.1-dev", blob)
    assert [tag.commit for tag in checkout.repository.tags(["0.1.0-dev", "0.1.1-dev"])] == ["", ""]
    assert list(checkout.repository.log("0.1.0-dev", checkout.commit("More"))) == []


def test_notes_up_to_what_is_no_commit_are_refused(checkout: Checkout) -> None:
    checkout.tag("0.1.0-dev")
    with pytest.raises(Refused, match="git log failed"):
        checkout.repository.log("0.1.0-dev", "nowhere")


def test_a_lightweight_tag_goes_to_the_remote_and_back(checkout: Checkout) -> None:
    git(checkout.work, "tag", "0.1.0-dev")
    tag = checkout.repository.tag("0.1.0-dev")
    assert tag
    assert checkout.repository.push(checkout.head, "dev", tag).ok
    assert checkout.repository.remote_tag("0.1.0-dev") == tag
    assert checkout.repository.undo(tag).ok


def test_numbers_that_are_too_long_are_passed_over_by_name(checkout: Checkout) -> None:
    for name in ("1.0.1732782000-dev", "1732782000.1.0-dev", "0.1.0-dev", "0.1.01-dev", "1.0.0-device"):
        checkout.tag(name)
    found = checkout.repository.newest("dev", 5)
    assert [str(one) for one in found.versions] == ["0.1.0-dev"]
    assert sorted(found.passed_over) == ["0.1.01-dev", "1.0.1732782000-dev", "1732782000.1.0-dev"]


def test_names_that_stand_for_something_else_too_are_read_as_tags(checkout: Checkout) -> None:
    checkout.tag("0.1.0-dev")
    git(checkout.work, "branch", "0.1.0-dev")
    last = checkout.commit("More")
    assert list(checkout.repository.log("0.1.0-dev", last)) == ["More"]
    tag = checkout.repository.tag("0.1.0-dev")
    assert tag
    assert checkout.repository.push(last, "dev", tag).ok
    assert checkout.repository.undo(tag).ok
    assert checkout.repository.tag("0.1.0-dev") == tag


def test_a_tag_of_another_channel_in_a_folder_is_no_version(checkout: Checkout) -> None:
    checkout.tag("shop/0.1.0-dev")
    checkout.tag("0.1.0-dev/x")
    assert checkout.repository.newest("dev", 5).versions == []
    assert checkout.repository.tag("0.1.0-dev") is None


def test_a_tag_that_another_process_made_meanwhile_is_told_with_a_look_at_it(checkout: Checkout) -> None:
    checkout.repository.create_tag("0.1.1-dev", checkout.head, "theirs")
    with pytest.raises(Refused) as caught:
        checkout.repository.create_tag("0.1.1-dev", checkout.head, "ours")
    assert caught.value.what == "The tag 0.1.1-dev was made here meanwhile, by another process."
    program, *arguments = caught.value.remedy.partition(": ")[2].split()
    assert program == "git"
    assert "theirs" in git(checkout.work, *arguments)
