"""The reference is the code's: a verb, flag or key that changed without it fails here."""

from __future__ import annotations

import re

import yaml

from scripts.reference import PLACE, TOP, pages
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
            assert (flag.becomes and not flag.lasting) or f"`{'' if flag.positional else '--'}{flag.name}`" in written[
                f"verbs/{name}.md"
            ], flag.name


def test_every_key_of_the_sample_is_there() -> None:
    keys = re.findall(r"^([\w.-]+) = ", SAMPLE.read_text("utf-8"), re.MULTILINE)
    written = pages()["settings.md"]
    assert len(keys) > 100
    assert [key for key in keys if f"| `{key}` |" not in written] == []
    assert len(re.findall(r"^\| `", written, re.MULTILINE)) == len(keys)


def entries(nav: object) -> list[str]:
    """The pages of a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in inner for page in entries(entry)]  # type: ignore[attr-defined]


def test_the_site_s_navigation_leads_to_pages_that_are_there() -> None:
    listed = entries(yaml.safe_load((TOP / "mkdocs.yml").read_text("utf-8"))["nav"])
    assert len(listed) >= 40
    assert [page for page in listed if not (TOP / "docs" / page).is_file()] == []
    assert len(set(listed)) == len(listed)
