"""What the linters read of `init`'s workflows is every branch of their templates: each was taken, and each was not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from scripts.lint import generated
from tagship.scaffold import rendering

CONDITION = re.compile(r"\[%-? (if|else|endif)\b[^%]*%\]")
MARK = "\x01{}\x02"


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Templates that say, in what is rendered of them, which branches were taken; all the marks that there are."""
    marks = set[str]()

    def template(name: str, original: object = rendering.template) -> str:
        text = original(name)  # type: ignore[operator]
        return _marked(name.removesuffix(".yml.j2"), text, marks) if name.endswith(".yml.j2") else str(text)

    monkeypatch.setattr(rendering, "template", template)
    rendering._engine.cache_clear()
    yield marks
    rendering._engine.cache_clear()


def _marked(name: str, text: str, marks: set[str]) -> str:
    """Mark both ways of each condition, by its number in the template."""
    assert "elif" not in text, "say how it is marked"
    whole, end, open_, last = "", 0, list[str](), 0
    for match in CONDITION.finditer(text):
        whole, end = whole + text[end : match.start()], match.end()
        if match[1] == "if":
            last += 1
            open_.append(f"{name}/{last}")
        way = f"{open_[-1]}/{'yes' if match[1] == 'if' else 'no'}"
        if match[1] == "endif":
            open_.pop()
            whole += match[0] if way in marks else f"[% else %]{MARK.format(way)}{match[0]}"
        else:
            whole += match[0] + MARK.format(way)
        marks.add(way)
    return whole + text[end:]


def test_every_branch_of_a_workflows_template_is_read_by_the_linters_taken_and_not(marked: set[str]) -> None:
    texts = [content.decode() for _, content in (*generated.files(), *generated._of_every_choice())]
    taken = {mark for text in texts for mark in re.findall(r"\x01([^\x02]+)\x02", text)}
    assert {mark.partition("/")[0] for mark in marked} >= {"deploy", "build-and-promote", "deploy-promoted", "preview"}
    assert len(marked) > 60
    assert sorted(marked - taken) == []


def test_no_variant_is_written_twice() -> None:
    contents = [content for _, content in (*generated.files(), *generated.variants()) if b"\njobs:" in content]
    attested = [content for content in contents if b"attest-build-provenance" in content]
    assert len(attested) > 20
    paths = [path for path, _ in (*generated.files(), *generated.variants())]
    assert len(paths) == len(set(paths))
