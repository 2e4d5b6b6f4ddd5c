"""Commands in messages begin with what their reader has on PATH."""

from __future__ import annotations

import pytest

from tagship.domain.called import as_called

HINT = "To take it back: inv rollback --to 0.1.0-dev (or: cd x && inv status; not bin/inv status, and not invoke)"
PATH = "/home/ada/my shop/.tagship/venv/bin/tagship"


def shown(program: str, *there: str, by_path: bool = True) -> str:
    return as_called(HINT, program, lambda name: name in there, by_path=by_path)


INV = "/home/ada/my shop/.venv/bin/inv"


@pytest.mark.parametrize(
    ("program", "there"),
    [("inv", ()), ("/usr/bin/pytest", ()), (INV, ("inv",)), (PATH, ("inv",)), (PATH, ("inv", "tagship"))],
)
def test_whoever_has_inv_is_told_inv(program: str, there: tuple[str, ...]) -> None:
    assert shown(program, *there) == HINT


@pytest.mark.parametrize("by_path", [True, False])
def test_with_tagship_alone_on_the_path_each_command_begins_with_that(by_path: bool) -> None:
    said = shown(PATH, "tagship", by_path=by_path)
    assert said.startswith("To take it back: tagship rollback --to 0.1.0-dev (or: cd x && tagship status;")
    assert said.endswith("not bin/inv status, and not invoke)")


@pytest.mark.parametrize("program", [PATH, INV])
def test_with_neither_a_remedy_has_the_whole_path_quoted_and_a_table_does_not(program: str) -> None:
    assert f"To take it back: '{program}' rollback" in shown(program)
    assert shown(program, by_path=False) == HINT


@pytest.mark.parametrize("program", [PATH, INV])
def test_what_has_no_inv_yet_begins_with_the_tagship_beside_it(program: str) -> None:
    beside = program.rpartition("/")[0] + "/tagship"
    said = as_called("Then: tagship init --here (tagship initially)", program, lambda _: None, by_path=True)
    assert said == f"Then: '{beside}' init --here (tagship initially)"
    assert as_called("Then: tagship init", program, lambda name: name, by_path=True) == "Then: tagship init"
