"""Static sets: what is put, in which order, what is invalidated and deleted, and what a destination holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.domain.content_types import content_type
from tagship.domain.static_set import (
    EXACT,
    NOTHING,
    Presence,
    StaticFile,
    StaticSet,
    dropped,
    invalidated,
    ranks,
    uploads,
)
from tagship.errors import NotAuthentic


def page(body: str, cache: str = "no-cache") -> StaticFile:
    return StaticFile(body, "text/html; charset=utf-8", cache)


HASHED = StaticFile("aa", "text/javascript; charset=utf-8", "max-age=31536000, immutable")
LOGO = StaticFile("cc", "image/svg+xml")
FIRST = StaticSet({"index.html": page("11"), "assets/a.js": HASHED, "logo.svg": LOGO})


def test_what_pages_name_is_put_before_the_pages() -> None:
    paths = uploads(FIRST, [])
    assert paths == ["assets/a.js", "logo.svg", "index.html"]
    assert ranks(FIRST, paths) == [["assets/a.js"], ["logo.svg"], ["index.html"]]


def test_a_file_is_put_for_other_bytes_or_for_other_headers_alone() -> None:
    second = StaticSet({"index.html": page("11", "max-age=60"), "assets/a.js": HASHED, "logo.svg": LOGO})
    assert uploads(second, [FIRST]) == ["index.html"]
    assert uploads(FIRST, [FIRST]) == []


def test_after_a_switch_that_did_not_end_a_file_stays_only_if_both_sets_have_it() -> None:
    half = StaticSet({**FIRST.files, "logo.svg": StaticFile("dd", "image/svg+xml")})
    assert uploads(FIRST, [FIRST, half]) == ["logo.svg"]


def test_files_that_were_there_are_invalidated_and_new_ones_are_not() -> None:
    changed = ["assets/new.js", "docs/index.html", "index.html", "logo.svg"]
    known = StaticSet({**FIRST.files, "docs/index.html": page("22")})
    paths = ["/", "/docs/", "/docs/index.html", "/index.html", "/logo.svg"]
    assert invalidated(changed, [known], "/") == paths
    assert invalidated(["logo.svg"], [FIRST], "/shop/") == ["/shop/logo.svg"]
    assert invalidated(["a b.svg"], [StaticSet({"a b.svg": LOGO})], "/") == ["/a%20b.svg"]


@pytest.mark.parametrize(("count", "paths"), [(EXACT, EXACT), (EXACT + 1, 1)])
def test_many_paths_are_one_wildcard(count: int, paths: int) -> None:
    many = StaticSet({f"{number}.svg": LOGO for number in range(count)})
    assert len(invalidated(list(many.files), [many], "/")) == paths


def test_tags_take_the_place_of_paths_that_are_too_many_where_all_had_some() -> None:
    docs = replace(LOGO, tags=("docs", "site"))
    many = StaticSet({f"docs/{number}.svg": docs for number in range(EXACT + 1)})
    changed = list(many.files)
    assert invalidated(changed, [many], "/", tagged=True) == ["#docs", "#site"]
    assert invalidated(changed, [many], "/") == ["/*"], "the distribution does not know them"
    assert invalidated(changed[:2], [many], "/", tagged=True) == ["/docs/0.svg", "/docs/1.svg"]
    untagged = StaticSet({**many.files, "docs/0.svg": LOGO})
    assert invalidated(changed, [untagged], "/", tagged=True) == ["/*"], "what is cached has no tag"


def test_other_tags_are_other_headers_and_a_set_without_any_is_written_as_ever() -> None:
    tagged = StaticSet({"logo.svg": replace(LOGO, tags=("docs",))})
    assert uploads(tagged, [StaticSet({"logo.svg": LOGO})]) == ["logo.svg"]
    assert StaticSet.from_json(tagged.to_json(), "here", "again") == tagged
    assert b"tags" not in FIRST.to_json()


def test_everything_is_invalidated_if_what_was_there_is_not_known() -> None:
    assert invalidated(["index.html"], [], "/") == ["/*"]
    assert invalidated([], [], "/") == []


def test_only_files_that_no_recent_set_names_are_dropped() -> None:
    second = StaticSet({"index.html": page("33"), "logo.svg": LOGO})
    assert dropped(FIRST, [second]) == ["assets/a.js"]
    assert dropped(FIRST, [second, FIRST]) == []


def test_a_destination_remembers_what_a_deployment_found() -> None:
    first = NOTHING.moving("a", "d1", 1).arrived("a")
    assert (first.present, first.before, first.recent) == (("a",), "", ("a",))
    begun = first.moving("b", "d2", 2)
    assert (begun.present, begun.before) == (("a", "b"), "a")
    back = begun.moving("a", "d2", 2).arrived("a")
    assert (back.present, back.before, back.recent) == (("a",), "a", ("a", "b"))
    assert begun.moving("c", "d3", 3).before == "a"  # d2 died: what it found is what there is to go back to


def test_records_are_read_back_as_they_were_written() -> None:
    assert StaticSet.from_json(FIRST.to_json(), "here", "again") == FIRST
    presence = Presence(3, "d1", ["a"], "b", ["a", "b"])
    assert Presence.from_json(presence.to_json(), "here") == presence
    with pytest.raises(NotAuthentic):
        StaticSet.from_json(b"[]", "here", "again")
    with pytest.raises(NotAuthentic):
        Presence.from_json(b'{"fence": 1, "other": 2}', "here")


def test_content_types_are_the_tables_own_and_not_the_machines() -> None:
    assert content_type("a/app.MJS") == "text/javascript; charset=utf-8"
    assert content_type("app.webmanifest") == "application/manifest+json"
    assert content_type("CNAME") == "application/octet-stream"
