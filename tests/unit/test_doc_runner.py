"""The runner of the pages' stories sees what is wrong: a line that is not printed, a block before its story."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Block, Note
from tests.docs.telling import _steps, compare
from tests.docs.toml import merged, written

BANNER = "SANDBOX: everything below happens on this machine; no AWS account is touched."
SHOWN = f"{BANNER}\nfirst\n0.1.0-dev is healthy (3 s).\n"
PAGE = """\
<!-- story: service
begin -->
<!-- exits: 3 -->
```console
$ inv status
first
…
$ inv history
```

1. In a list:

   <!-- not run: github -->
   ```sh
   gh api
   ```
"""


@pytest.mark.parametrize(
    "expected",
    [
        ["first", "0.1.0-dev is healthy (12 min)."],
        ["…", "0.1.0-dev is healthy (…)."],
        ["first", "…"],
        ["…", "first", "…", "0.1.0-dev is healthy …", "…"],
    ],
)
def test_what_was_printed_is_as_the_page_says(expected: list[str]) -> None:
    compare("here", expected, SHOWN)


@pytest.mark.parametrize(
    "expected",
    [
        [],
        ["first"],
        ["0.1.0-dev is healthy (3 s)."],
        ["…", "0.1.1-dev is healthy (3 s)."],
        ["first", "0.1.0-dev is healthy (3 s).", "more"],
        ["0.1.0-dev is healthy (3 s).", "first"],
    ],
)
def test_a_line_that_is_another_missing_or_too_many_is_seen(expected: list[str]) -> None:
    with pytest.raises(AssertionError, match="the page"):
        compare("here", expected, SHOWN)


def test_blocks_have_their_notes_also_in_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TOP", tmp_path)
    (tmp_path / "page.md").write_text(PAGE, "utf-8")
    [story] = pages.stories("page.md")
    typed, left = story.blocks
    assert (story.kind, story.before) == ("service", "begin")
    assert (typed.of("exits"), typed.skipped) == (["3"], "")
    assert (left.text, left.skipped, left.line) == ("gh api\n", "github", 14)
    assert [*_steps(typed)] == [("inv status", ["first", "…"]), ("inv history", [])]


def test_a_block_before_any_story_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TOP", tmp_path)
    (tmp_path / "page.md").write_text("```sh\ninv status\n```\n", "utf-8")
    with pytest.raises(ValueError, match=r"page\.md:1: no story has begun"):
        pages.stories("page.md")


def test_a_file_that_is_written_is_one_step() -> None:
    text = "cat >a <<'END'\nb\n\nEND\n"
    assert [*_steps(Block("p", 1, "sh", text, (Note("exits", "0"),)))] == [(f"set -e\n{text}", None)]


def test_settings_are_merged_and_written_as_they_were() -> None:
    one = {"app": "x", "e": {"dev": {"a": 1, "b": ["c"]}}}
    other = {"e": {"dev": {"a": 2}, "pr-{n}": {"t": True}}}
    both = {"app": "x", "e": {"dev": {"a": 2, "b": ["c"]}, "pr-{n}": {"t": True}}}
    assert tomllib.loads(written(merged(one, other))) == both
