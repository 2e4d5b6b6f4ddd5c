"""Versions: the only door through which a user's text becomes a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.version import ArtifactId, Version, candidates, is_older, nearest, newest, why_not_a_version
from tagship.errors import Refused, UsageError

NUMBERS = st.integers(0, 999_999_999)
SUFFIXES = st.from_regex(r"([a-z][a-z0-9]{0,8})?", fullmatch=True)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, SUFFIXES)


@given(VERSIONS)
def test_a_version_is_read_back_as_it_is_written(version: Version) -> None:
    assert Version.parse(str(version)) == Version.maybe(str(version)) == version


@given(st.text())
def test_any_other_text_is_refused_with_a_reason_on_one_printable_line(text: str) -> None:
    if Version.maybe(text):
        return
    with pytest.raises(UsageError) as told:
        Version.parse(text)
    assert told.value.what.isprintable()
    assert len(told.value.what) < 200
    assert why_not_a_version(text)


def test_what_is_no_version_is_shown_escaped_and_cut_with_what_to_give_instead() -> None:
    with pytest.raises(UsageError) as told:
        Version.parse("0.1.0\n")
    assert told.value.what == (
        "“0.1.0\\n” is not a version: it has characters other than letters, digits, dots and one hyphen."
    )
    assert told.value.remedy == "See how versions look: inv versions"
    for length, shown in ((60, "x" * 60), (61, "x" * 60 + "…")):
        with pytest.raises(UsageError, match=f"^“{shown}” is not a version"):
            Version.parse("x" * length)


@given(VERSIONS, st.sampled_from(["patch", "minor", "major"]))
def test_a_bump_is_higher_and_of_the_same_channel(version: Version, part: str) -> None:
    assert version.bump(part) > version
    assert version.bump(part).suffix == version.suffix


def test_a_bump_keeps_the_suffix_and_starts_the_lower_numbers_anew() -> None:
    version = Version.parse("0.1.29-dev")
    assert [str(version.bump(part)) for part in ("patch", "minor", "major")] == ["0.1.30-dev", "0.2.0-dev", "1.0.0-dev"]


def test_order_is_semvers() -> None:
    names = ["0.1.9-dev", "0.1.10-dev", "0.1.29-dev", "0.1.29", "0.2.0-dev", "1.0.0-dev", "1.0.0"]
    assert sorted(map(Version.parse, reversed(names))) == list(map(Version.parse, names))
    assert [str(one) for one in newest(map(Version.parse, names), 2)] == ["1.0.0", "1.0.0-dev"]


def test_the_patch_is_offered_first_and_an_empty_channel_begins_at_0_1_0() -> None:
    assert list(candidates(Version(0, 1, 2, "dev"), "dev")) == ["patch", "minor", "major"]
    assert candidates(None, "dev") == {"first": Version(0, 1, 0, "dev")}


def test_what_could_not_be_read_back_is_not_offered() -> None:
    most = 999_999_999
    assert candidates(Version(0, 1, most, "dev"), "dev") == {
        "minor": Version(0, 2, 0, "dev"),
        "major": Version(1, 0, 0, "dev"),
    }
    with pytest.raises(Refused, match="a number has at most 9 digits") as told:
        candidates(Version(most, most, most, "dev"), "dev")
    assert told.value.remedy == (
        "Delete its tag, here and on the remote: inv tag-undo --version 999999999.999999999.999999999-dev"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("v0.1.0-dev", "a leading v"),
        ("0.1.0+7", "build metadata"),
        ("0.1.0-dev; rm -rf /", "characters other than"),
        ("0.1.0-dev\n", "characters other than"),
        ("0.1.0-dev\r", "characters other than"),
        ("\u0660.\u0661.\u0662-dev", "characters other than plain"),
        ("0.1.\uff13-dev", "characters other than plain"),
        ("0.1.0\u2010dev", "characters other than plain"),
        ("0.1.0\0", "characters other than"),
        ("1" * 300, "300 characters"),
        ("01.1.0-dev", "starts with 0"),
        ("0.1", "three numbers"),
        ("0.1.0-Dev", "not one word of small letters"),
        ("0.1.0-rc.1", "not one word of small letters"),
        ("0.1.0-", "not one word of small letters"),
        ("../../etc/passwd", "characters other than"),
        ("--version", "three numbers"),
        ("$(id)", "characters other than"),
    ],
)
def test_each_kind_of_bad_input_has_its_reason(text: str, reason: str) -> None:
    assert reason in why_not_a_version(text)
    assert Version.maybe(text) is None


def test_a_reason_is_the_end_of_a_sentence() -> None:
    assert why_not_a_version("0.1.\uff13") == (
        "it has characters other than plain letters, digits, dots and one hyphen"
    )
    assert why_not_a_version("v0.1.0").startswith("a leading v is not allowed")
    assert why_not_a_version("0.1.0+7") == "it has build metadata (+…), which an image tag cannot hold"


def test_a_version_has_64_characters_at_most() -> None:
    longest = "1.2.3-" + "x" * 58
    assert why_not_a_version(longest) == "its suffix is not one word of small letters and digits, as in 0.1.30-dev"
    assert why_not_a_version(longest + "x") == "it has 65 characters, and at most 64 are allowed"


def test_a_number_has_nine_digits_at_most() -> None:
    assert why_not_a_version("1.2.999999999") == ""
    for text in ("1.2.1000000000", "1.1000000000.3", "1000000000.2.3"):
        assert why_not_a_version(text) == "a number has more than 9 digits"


def test_an_artifact_id_is_a_version_or_a_commit_with_its_time_in_utc(in_tokyo: None) -> None:
    built = datetime(2025, 8, 20, 14, 45, tzinfo=timezone(timedelta(hours=2)))
    untagged = ArtifactId.untagged("622d2103" + "0" * 32, built)
    assert str(untagged) == "622d2103-20250820-124500"
    assert ArtifactId.parse(str(untagged)) == untagged
    assert untagged.version is None
    assert untagged.image_tag("pr-51") == "pr-51-622d2103-20250820-124500"
    assert ArtifactId.parse("0.1.30-dev").version == Version(0, 1, 30, "dev")
    assert ArtifactId.parse("0.1.30-dev").image_tag("dev") == "0.1.30-dev"
    assert ArtifactId.untagged("622d2103", datetime(2025, 8, 20, 12, 45, tzinfo=UTC)) == untagged


@pytest.mark.parametrize("text", ["622d2103", "622d2103-2025-12", "x", "0.1.0-dev/../..", ""])
def test_what_is_no_artifact_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ArtifactId.parse(text)


# -- which of two came first -------------------------------------------------------------------------------------------

NOON, LATER = "622d2103-20261120-120000", "ffffffff-20261120-120001"


@pytest.mark.parametrize(
    ("one", "than", "built", "than_built", "older"),
    [
        ("0.1.9-dev", "0.1.10-dev", "", "", True),
        ("0.1.10-dev", "0.1.9-dev", "", "", False),
        ("0.1.9-dev", "0.1.9-dev", "", "", False),
        ("0.1.9-dev", "0.1.10-dev", "2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        (NOON, LATER, "", "", True),
        (LATER, NOON, "", "", False),
        (NOON, NOON, "", "", False),
        (NOON, "0.1.9-dev", "", "2026-11-20T12:00:01Z", True),
        (NOON, "0.1.9-dev", "", "2026-11-20T13:59:59+02:00", False),
        ("0.1.9-dev", NOON, "2026-11-20T11:59:59Z", "", True),
        ("0.1.9-dev", NOON, "", "", False),
        (NOON, "0.1.9-dev", "", "no time", False),
        ("622d2103-20269999-120000", LATER, "", "", False),
    ],
)
def test_versions_go_by_their_order_and_the_rest_by_when_it_was_built(
    one: str, than: str, built: str, than_built: str, older: bool
) -> None:
    assert is_older(one, than, built, than_built) is older


AMONG = ["0.1.9-dev", "0.1.8-dev", "0.1.6-dev", "0.1.5-dev", "0.1.4-dev", NOON]


@pytest.mark.parametrize(
    ("artifact", "count", "found"),
    [
        ("0.1.7-dev", 2, ["0.1.8-dev", "0.1.6-dev"]),
        ("0.1.7-dev", 3, ["0.1.8-dev", "0.1.6-dev", "0.1.5-dev"]),
        ("0.1.6-dev", 2, ["0.1.8-dev", "0.1.6-dev"]),
        ("0.2.0-dev", 2, ["0.1.9-dev", "0.1.8-dev"]),
        ("0.1.0-dev", 2, ["0.1.4-dev", NOON]),
        ("0.1.0-dev", 3, ["0.1.5-dev", "0.1.4-dev", NOON]),
        (LATER, 2, ["0.1.9-dev", "0.1.8-dev"]),
        ("0.1.7-dev", 9, AMONG),
    ],
)
def test_the_nearest_are_half_above_and_half_below_as_far_as_there_are(
    artifact: str, count: int, found: list[str]
) -> None:
    assert nearest(artifact, AMONG, count) == found


def test_an_untagged_build_says_when_it_was_made() -> None:
    assert ArtifactId(NOON).built == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert ArtifactId("0.1.9-dev").built is None
    assert ArtifactId("622d2103-20269999-120000").built is None
