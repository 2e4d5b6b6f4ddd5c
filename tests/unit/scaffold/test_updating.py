"""`init --update` over files that somebody edited: their edits and what is new, and both sides where they collide."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tagship.adapters.git.surroundings import surroundings
from tagship.errors import Refused
from tagship.scaffold.updating import MARK, STAMP, stamped
from tagship.scaffold.written import RECORD, WrittenRecord, record_of
from tests.unit.verbs.test_init import SERVICE, WORKFLOW, begin, content, git, repository, wheel

__all__ = ["wheel"]  # a fixture
MAKE = "tagship.mk"
MERGED = (MAKE, WORKFLOW, ".github/actions/tagship/action.yml", "tagship-sandbox.txt")


def lines_of(raw: bytes) -> list[str]:
    return STAMP.sub(MARK, raw, count=1).decode().split("\n")


def changed(lines: Sequence[str], changes: Sequence[tuple[int, str, str]]) -> list[str]:
    """Lines after edits: each at a place, which puts a line in, takes one out, or says it otherwise."""
    after = list(lines)
    for place, how, word in changes:
        at = place % max(1, len(after))
        if how == "add":
            after.insert(at, word)
        elif how == "drop":
            del after[at : at + 1]
        else:
            after[at : at + 1] = [word]
    return after


def edits(who: str) -> st.SearchStrategy[list[tuple[int, str, str]]]:
    """Edits whose lines nobody else has."""
    entry = st.tuples(st.integers(0, 60), st.sampled_from(["add", "drop", "say"]), st.integers(0, 99))
    return st.lists(entry, max_size=5).map(
        lambda entries: [(place, how, f"# {who} {number}") for place, how, number in entries]
    )


def lay(root: Path, path: str, earlier: Sequence[str], mine: Sequence[str]) -> None:
    """The file as an earlier init wrote it and somebody edited it; equal ones were not edited."""
    written = "\n".join(earlier).encode()
    record = record_of(root)
    record.note(path, stamped(written))
    (root / RECORD).write_bytes(record.content)
    edited = "\n".join(mine).encode()
    stamp = STAMP.search(stamped(written))
    kept = edited.replace(MARK, stamp[0], 1) if stamp else edited
    (root / path).write_bytes(stamped(written) if edited == written else kept)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, bytes]]:
    """A repository that init wrote, with the wheel that it pins; and what it wrote."""
    top = tmp_path_factory.mktemp("updating")
    pinned = top / "tagship-0.1.0-py3-none-any.whl"
    pinned.write_bytes(b"a wheel\0")
    root = repository(top / "shop", SERVICE)
    begin(root, pinned)
    return root, pinned, content(root)


@given(path=st.sampled_from(MERGED), mine=edits("mine"), since=edits("earlier"))
@settings(
    max_examples=60,
    phases=(Phase.generate, Phase.shrink),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_edit_and_nothing_new_is_lost(
    shop: tuple[Path, Path, dict[str, bytes]],
    path: str,
    mine: list[tuple[int, str, str]],
    since: list[tuple[int, str, str]],
) -> None:
    root, pinned, new = shop
    for name, raw in new.items():
        (root / name).write_bytes(raw)
    now = lines_of(new[path])
    earlier = changed(now, since)  # what an earlier template had, and today's has not
    edited = changed(earlier, mine)
    lay(root, path, earlier, edited)
    here, result = begin(root, pinned, update=True)
    after = (root / path).read_bytes()
    text = after.decode().split("\n")
    assert {name: raw for name, raw in content(root).items() if name not in {path, RECORD}} == {
        name: raw for name, raw in new.items() if name not in {path, RECORD}
    }
    if edited == earlier:
        event("not edited")
        assert after == new[path]
        return
    stripped = lines_of(after)
    assert set(edited) - set(earlier) <= set(stripped), "a line that somebody wrote"
    assert set(now) - set(earlier) <= set(stripped), "a line that is new"
    event("conflict" if result.conflicts else "merged")
    if result.conflicts:
        assert any(line.startswith("<<<<<<< yours") for line in text)
        with pytest.raises(Refused, match="conflicts that only you can resolve"):
            result.insist()
        assert any(path in note and "conflict" in note for note in here.screen.warnings)
    else:
        gone = set(earlier) - set(edited)
        assert not gone & set(stripped) & (set(earlier) - set(now)), "what both took out stays out"
        result.insist()
    before = content(root)
    begin(root, pinned, update=True)
    assert content(root) == before, "a second time, nothing changes"


def collide(root: Path, pinned: Path) -> None:
    """A Makefile's variable that an earlier init wrote otherwise, and somebody too."""
    begin(root, pinned)
    text = (root / MAKE).read_text()
    now = "TAGSHIP_PYTHON ?= python3"
    assert now in text
    lines = lines_of(text.encode())
    at = lines.index(now)
    earlier = [*lines[:at], "TAGSHIP_PYTHON ?= python", *lines[at + 1 :]]
    lay(root, MAKE, earlier, [*lines[:at], "TAGSHIP_PYTHON ?= python3.13", *lines[at + 1 :]])


def test_a_conflict_is_written_with_both_sides_said_and_refused_until_it_is_resolved(
    tmp_path: Path, wheel: Path
) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    collide(root, wheel)
    before = content(root)
    _, shown = begin(root, wheel, update=True, dry_run=True)
    assert (content(root), list(shown.conflicts)) == (before, [MAKE])
    shown.insist()  # nothing was written
    _, result = begin(root, wheel, update=True)
    text = (root / MAKE).read_text()
    assert "<<<<<<< yours\nTAGSHIP_PYTHON ?= python3.13\n||||||| as it was written\nTAGSHIP_PYTHON ?= python\n" in text
    assert "=======\nTAGSHIP_PYTHON ?= python3\n>>>>>>> tagship 0.1.0\n" in text
    with pytest.raises(Refused) as caught:
        result.insist()
    assert caught.value.what == "tagship.mk has conflicts that only you can resolve."
    assert caught.value.remedy == "Edit them, then: git add tagship.mk"
    _, again = begin(root, wheel, update=True)
    assert (list(again.conflicts), (root / MAKE).read_text()) == ([MAKE], text)
    resolved = before[MAKE]
    (root / MAKE).write_bytes(resolved)
    _, last = begin(root, wheel, update=True)
    assert (list(last.conflicts), (root / MAKE).read_bytes()) == ([], resolved)


def test_a_file_whose_mark_was_taken_out_is_still_known_as_init_s(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    mine = "\n".join(["# Ours now.", *(root / WORKFLOW).read_text().split("\n")[1:]])
    (root / WORKFLOW).write_text(mine)
    begin(root, wheel, update=True)
    assert (root / WORKFLOW).read_text() == mine
    assert not (root / ".github/workflows/tagship-deploy-dev.yml").exists()


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"written": 1}', b'{"written": {"tagship.mk": "!"}}'])
def test_without_a_record_an_edited_file_is_kept_and_it_says_why(record: bytes, tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    edited = (root / MAKE).read_text() + "# ours\n"
    (root / MAKE).write_text(edited)
    (root / RECORD).write_bytes(record)
    here, _ = begin(root, wheel, update=True)
    assert (root / MAKE).read_text() == edited
    assert any("tagship.mk was edited since, and is kept: there is no record" in note for note in here.screen.warnings)


def test_a_file_that_git_cannot_merge_is_kept(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    begin(root, wheel)
    edited = (root / MAKE).read_bytes() + b"\0"
    (root / MAKE).write_bytes(edited)
    here, _ = begin(root, wheel, update=True)
    assert (root / MAKE).read_bytes() == edited
    assert any("Git cannot merge it" in note for note in here.screen.warnings)


def test_a_text_that_the_record_has_is_not_deflated_anew() -> None:
    record = WrittenRecord()
    record.note("a", b"text")
    other = base64.b64encode(zlib.compress(b"text", 0)).decode()
    assert record.entries["a"] != other
    record.entries["a"] = other
    record.note("a", b"text")
    assert record.entries["a"] == other
    assert json.loads(record.content)["written"] == {"a": other}


def test_three_texts_are_merged_by_git_itself(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    merged = surroundings(tmp_path, os.environ).merged
    assert merged(b"a\nb\nc\nours\n", b"a\nb\nc\n", b"new\nb\nc\n") == b"new\nb\nc\nours\n"
    assert merged(b"ours\r\n", b"a\r\n", b"new\r\n") is not None
    assert merged(b"\0", b"a", b"b") is None
    many = b"".join(b"%d\n\n\n\n\n\n\n\n" % number for number in range(200))
    assert merged(many.replace(b"1", b"x"), many, many.replace(b"1", b"y")) is not None


def test_what_a_draft_keeps_is_not_recorded_as_written(tmp_path: Path, wheel: Path) -> None:
    root = repository(tmp_path / "shop", SERVICE)
    collide(root, wheel)
    before = record_of(root).text(MAKE)
    begin(root, wheel)
    assert record_of(root).text(MAKE) == before
