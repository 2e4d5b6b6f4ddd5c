"""`versions`: what a channel has, and what could come next."""

from __future__ import annotations

import pytest

from tagship.errors import SettingsError, UsageError
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.versions import versions
from tests.unit.channel import Release


def test_the_latest_come_first_with_the_next_ones() -> None:
    release = Release(released=("0.1.9-dev", "0.1.10-dev"))
    found = versions(release.app, env="dev")
    assert [str(one) for one in found.versions] == ["0.1.10-dev", "0.1.9-dev"]
    assert release.app.screen.lines[-1] == "next: 0.1.11-dev (patch), 0.2.0-dev (minor), 1.0.0-dev (major)"
    assert release.unchanged


def test_as_json_each_version_has_its_commit_and_tagger() -> None:
    told = versions(Release().app, env="dev").as_data()
    (one,) = told["versions"]  # type: ignore[misc]
    assert (one["version"], one["tagger"], one["when"]) == (
        "0.1.0-dev",
        "Ada <ada@example.com>",
        "2026-11-20T12:00:00+00:00",
    )
    assert told["next"] == {"patch": "0.1.1-dev", "minor": "0.2.0-dev", "major": "1.0.0-dev"}


def test_what_others_released_is_fetched_first() -> None:
    release = Release()
    release.grace_takes("0.1.1-dev")
    assert str(versions(release.app, env="dev").versions[0]) == "0.1.1-dev"


def test_offline_lists_what_is_known_here() -> None:
    release = Release()
    release.grace_takes("0.1.1-dev")
    assert str(versions(release.app, env="dev", offline=True).versions[0]) == "0.1.0-dev"


def test_a_remote_out_of_reach_is_told_and_what_is_known_listed() -> None:
    release = Release()
    release.remote.reachable = False
    assert str(versions(release.app, env="dev").versions[0]) == "0.1.0-dev"
    assert "what this clone knows" in release.app.screen.warnings[0]


def test_a_moved_tag_is_told() -> None:
    release = Release()
    release.grace_takes("0.1.0-dev")
    versions(release.app, env="dev")
    assert release.app.screen.warnings == ["0.1.0-dev is not the same tag here and on origin."]


def test_an_empty_channel_begins_at_0_1_0() -> None:
    release = Release(released=())
    assert versions(release.app, env="dev").as_data()["next"] == {"first": "0.1.0-dev"}
    assert "dev has no version yet." in release.app.screen.lines


def test_an_environment_that_there_is_not_is_named() -> None:
    with pytest.raises(SettingsError, match=r"tagship\.toml has no environment 'prod'"):
        versions(Release().app, env="prod")


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_that_is_none_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match=f"Invalid --count {count}: give 1 or more"):
        versions(Release().app, env="dev", count=count)


def test_what_is_marked_bad_or_failed_is_said_with_why() -> None:
    release = Release(released=("0.1.0-dev", "0.1.1-dev"))
    release.app.signed_in = True
    release.app.ledger.ran("0.1.0-dev")
    mark_bad(release.app, version="0.1.0-dev", reason="it sends every mail twice")
    said = versions(release.app, env="dev").as_data()["versions"]
    why = "ada@laptop marked it bad on 2026-11-20 12:00 UTC: it sends every mail twice"
    assert [(entry["version"], entry["bad"]) for entry in said] == [  # type: ignore[attr-defined]
        ("0.1.1-dev", ""),
        ("0.1.0-dev", why),
    ]
    assert f"  0.1.0-dev is marked bad on dev: {why}" in release.app.screen.lines


def test_of_marks_nothing_is_said_if_the_ledger_was_not_asked() -> None:
    release = Release()
    mark_bad(release.app, version="0.1.0-dev", reason="it sends every mail twice")
    for signed_in, offline in ((False, False), (True, True)):
        release.app.signed_in = signed_in
        release.app.screen.lines.clear()
        (entry,) = versions(release.app, env="dev", offline=offline).as_data()["versions"]  # type: ignore[misc]
        assert "bad" not in entry
        assert "bad" not in release.app.screen.text


def test_a_number_that_is_published_without_a_tag_is_named_and_not_offered() -> None:
    release = Release()
    release.app.signed_in = True
    release.app.publish("0.1.1-dev")
    assert str(versions(release.app, env="dev").next["patch"]) == "0.1.2-dev"
    assert release.app.screen.warnings == [
        "0.1.1-dev has no tag, and its number is spent: it is published (the bucket has it)."
    ]
