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
    assert [key for key in keys if f"| [`{key}`](keys/" not in written] == []
    assert len(re.findall(r"^\| \[`", written, re.MULTILINE)) == len(keys)


def test_each_key_has_a_page_that_says_what_it_is_for_what_it_takes_and_its_variable() -> None:
    of_keys = {name: text for name, text in pages().items() if name.startswith("keys/")}
    linked = set(re.findall(r"\]\((keys/[^)]+)\)", pages()["settings.md"]))
    assert linked == set(of_keys)
    assert len(of_keys) > 200
    for name, text in of_keys.items():
        title, about = text.splitlines()[1], text.splitlines()[3]
        assert title.replace("&lt;name>", "name") == f"# {name[5:-3]}"
        assert len(about) > 10, f"{name}: say in the sample what it is for"
        for row in ("| takes | ", "| default | ", "| variable | `TAGSHIP_"):
            assert row in text, name


def test_a_page_of_a_key_says_what_its_schema_does() -> None:
    written = pages()
    for key, rows in {
        "environments.name.ec2.port": (
            "a whole number from 1 to 65535",
            "`8080`",
            "`TAGSHIP_ENVIRONMENTS_<NAME>_EC2_PORT`",
        ),
        "environments.name.ec2.runtime": (
            '`"process"` or `"docker"`',
            '`"process"`',
            "`TAGSHIP_ENVIRONMENTS_<NAME>_EC2_RUNTIME`",
        ),
        "environments.name.ec2.tags": ("a table", "none: it is needed", "`TAGSHIP_ENVIRONMENTS_<NAME>_EC2_TAGS`"),
        "static.name.headers": ("a list of tables", "`[]`", "`TAGSHIP_STATIC_<NAME>_HEADERS`"),
        "environments.name.require_attestation": (
            '`true` or `false`, or `"github"`',
            "`false`",
            "`TAGSHIP_ENVIRONMENTS_<NAME>_REQUIRE_ATTESTATION`",
        ),
        "metrics.failure_rate": ("a number from 0 below 1", "`0.15`", "`TAGSHIP_METRICS_FAILURE_RATE`"),
    }.items():
        found = re.findall(r"^\| (?:takes|default|variable) \| (.*) \|$", written[f"keys/{key}.md"], re.MULTILINE)
        assert tuple(found) == rows, key


def test_what_the_sample_says_of_a_key_in_several_lines_is_said_of_that_key() -> None:
    written = pages()
    assert "for a third of `timeout` at most." in written["keys/environments.name.ec2.run_at_deploy.md"]
    assert "for a third" not in written["keys/environments.name.ec2.run_at_rollback.md"]
    assert '{ match = "*.html", cache_control = "no-cache" },' in written["keys/static.name.headers.md"]
    assert 'or `task.service = "web-dev"`: run it on ECS' in written["keys/hooks.name.command.md"]


def test_every_link_of_a_page_leads_to_a_page() -> None:
    for name, text in pages().items():
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert (PLACE / name).parent.joinpath(target).resolve().is_file(), f"{name}: {target}"


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
