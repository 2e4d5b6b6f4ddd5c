"""What a CI step says of itself, and how it is read back."""

from __future__ import annotations

import pytest

from tagship.domain.annotation import command, evidence_command, exit_code, genuine, next_command, opening, worst

NONCE = "0123456789abcdef"
OTHER = "fedcba9876543210"


def title(line: str) -> str:
    return line.split("title=")[1].split("::", maxsplit=1)[0]


BEGUN = title(opening(NONCE))


def test_success_is_a_notice_and_anything_else_an_error() -> None:
    assert command(0, "0.1.30-dev is healthy", NONCE) == f"::notice title=tagship exit 0 {NONCE}::0.1.30-dev is healthy"
    assert command(6, "it failed", NONCE).startswith(f"::error title=tagship exit 6 {NONCE}::")


def test_what_would_end_the_line_is_escaped() -> None:
    """A host's words travel in it: they must not become a workflow command of their own."""
    line = command(6, "100%\r\n::set-env name=PATH::/tmp", NONCE)
    assert "\n" not in line
    assert line.endswith(r"100%25\r%0A\::set-env name=PATH::/tmp")


@pytest.mark.parametrize("code", [0, 6, 130])
def test_the_title_gives_the_exit_code_back(code: int) -> None:
    assert exit_code(genuine([BEGUN, title(command(code, "x", NONCE))])[1]) == code


def test_each_of_ours_is_read_without_its_nonce() -> None:
    written = [command(6, "x", NONCE), evidence_command("x", NONCE), next_command("x", NONCE)]
    assert genuine([BEGUN, *map(title, written)]) == [
        "tagship begins",
        "tagship exit 6",
        "tagship evidence",
        "tagship next",
    ]


@pytest.mark.parametrize("forged", ["tagship exit 0", f"tagship exit 0 {OTHER}", " TAGSHIP exit 0", "tagship exit 0 "])
def test_one_without_the_nonce_is_not_believed(forged: str) -> None:
    assert genuine(["lint", forged, BEGUN]) == ["lint", f"(not by tagship) {forged}", "tagship begins"]


@pytest.mark.parametrize("begun", [[], [BEGUN, title(opening(OTHER))], [f"{BEGUN} "], ["tagship begins"]])
def test_without_one_beginning_nothing_is_believed(begun: list[str]) -> None:
    titles = genuine([*begun, title(command(0, "x", NONCE)), title(command(0, "x", OTHER))])
    assert all(read.startswith("(not by tagship) ") for read in titles)


@pytest.mark.parametrize("other", ["", "tagship exit", "tagship exit 6 ", "tagship exit 6\n", "Tagship exit 0", "lint"])
def test_other_titles_are_somebody_elses(other: str) -> None:
    assert exit_code(other) is None


def test_the_worst_is_the_one_that_wakes_somebody() -> None:
    assert worst([8, 6, 7, 3]) == 2
    assert worst([3, 77, 8]) == 1, "a code that nobody knows is as bad as a service that failed"
    assert worst([6, 6]) == 0
