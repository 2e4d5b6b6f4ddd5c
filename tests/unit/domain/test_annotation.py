"""What a CI step says of itself, and how it is read back."""

from __future__ import annotations

import pytest

from tagship.domain.annotation import command, exit_code


def test_success_is_a_notice_and_anything_else_an_error() -> None:
    assert command(0, "0.1.30-dev is healthy on dev") == "::notice title=tagship exit 0::0.1.30-dev is healthy on dev"
    assert command(6, "it failed").startswith("::error title=tagship exit 6::")


def test_what_would_end_the_line_is_escaped() -> None:
    """A host's words travel in it: they must not become a workflow command of their own."""
    line = command(6, "100%\r\n::set-env name=PATH::/tmp")
    assert "\n" not in line
    assert line.endswith("100%25%0D%0A::set-env name=PATH::/tmp")


@pytest.mark.parametrize("code", [0, 6, 130])
def test_the_title_gives_the_exit_code_back(code: int) -> None:
    title = command(code, "x").split("title=")[1].split("::")[0]
    assert exit_code(title) == code


@pytest.mark.parametrize("title", ["", "tagship exit", "tagship exit 6 ", "tagship exit 6\n", "Tagship exit 0", "lint"])
def test_other_titles_are_somebody_elses(title: str) -> None:
    assert exit_code(title) is None
