"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tagship.domain.text import ago, excerpt, moment, span, visible


def test_a_moment_is_utc_to_the_minute_wherever_it_was_written() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert moment(datetime(2026, 11, 21, 0, 53, 59, tzinfo=tokyo)) == "2026-11-20 15:53"
    assert moment("2026-11-21T00:53:59.123+09:00") == "2026-11-20 15:53"
    assert moment(datetime(2026, 11, 20, 15, 53, tzinfo=UTC).isoformat()) == "2026-11-20 15:53"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.84, "0.8 s"),
        (9.4, "9.4 s"),
        (43.2, "43 s"),
        (89, "89 s"),
        (180, "3 min"),
        (5300, "88 min"),
        (18000, "5 h"),
        (9 * 86400, "9 days"),
    ],
)
def test_a_span_is_in_the_unit_that_says_something(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_an_age_says_ago_and_never_a_negative_number() -> None:
    assert ago(timedelta(seconds=180)) == "3 min ago"
    assert ago(timedelta(seconds=-30)) == "just now"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\033[2J\033[1;1Hall is well", r"\x1b[2J\x1b[1;1Hall is well"),
        ("a\rb\x07\x9b1m\x7f", r"a\rb\x07\x9b1m\x7f"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Grüße ☕", "Grüße ☕"),
        ("txt.\u202eexe", r"txt.\u202eexe"),
        ("not UTF-8: \udcff", r"not UTF-8: \udcff"),
    ],
)
def test_words_from_outside_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_what_is_left_of_a_long_text_keeps_the_heading_of_its_first_block() -> None:
    blocks = [line for host in ("web-1", "web-2") for line in (f"--- {host} (i-1)", *(f"line {n}" for n in range(4)))]
    assert excerpt("\n".join(blocks), 9, "see the run").splitlines() == [
        "(2 earlier lines: see the run)",
        "--- web-1 (i-1)",
        *blocks[3:],
    ]
    assert excerpt("\n".join(blocks), 6, "see the run").splitlines() == ["(5 earlier lines: see the run)", *blocks[5:]]
    assert excerpt("\n".join(blocks), 7, "see the run").splitlines() == ["(5 earlier lines: see the run)", *blocks[5:]]
    assert excerpt("1\n2\n3\n4", 3, "see the run").splitlines() == ["(2 earlier lines: see the run)", "3", "4"]
