"""The reference is the code's: a verb, flag or key that changed without it fails here."""

from __future__ import annotations

import re

from scripts.reference import PLACE, pages
from tagship.tasks import ns
from tests.unit.test_settings import SAMPLE

WRITE = "python -m scripts.reference"


def test_the_pages_are_as_they_would_be_written() -> None:
    stored = {path.relative_to(PLACE).as_posix(): path.read_text("utf-8") for path in PLACE.rglob("*.md")}
    assert stored.keys() == pages().keys(), WRITE
    assert [name for name, text in pages().items() if stored[name] != text] == [], WRITE


def test_every_verb_has_a_page_with_every_flag() -> None:
    written = pages()
    for name in ns.task_names:
        for flag in ns[name].flags:
            assert flag.becomes or f"`{'' if flag.positional else '--'}{flag.name}`" in written[f"verbs/{name}.md"], (
                flag.name
            )


def test_every_key_of_the_sample_is_there() -> None:
    keys = re.findall(r"^([\w.-]+) = ", SAMPLE.read_text("utf-8"), re.MULTILINE)
    written = pages()["settings.md"]
    assert len(keys) > 100
    assert [key for key in keys if f"| `{key}` |" not in written] == []
    assert len(re.findall(r"^\| `", written, re.MULTILINE)) == len(keys)
