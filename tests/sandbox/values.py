"""Made values by the thousand: WHOLE=1 makes all 10,000 of each kind, `make test` one in thirty.

    make bench-shell

One shell for one value would take hours, so many go through one. Where such a batch is judged badly, each value of it
is judged alone, and the one that fails is made as short as it still fails: that is the one the error is of.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

WHOLE = bool(os.environ.get("WHOLE"))
STRIDE = 1 if WHOLE else 30  # one in so many
MADE = 10_000 // STRIDE
DRAWN = 40  # values in one of hypothesis's examples

# Whatever a shell, a document or a terminal could read something into, beside any text at all. What is interpreted
# leaves a file `pwned`.
PIECES = st.sampled_from(
    [
        *("$(touch pwned)", "`touch pwned`", ";touch pwned;", "&&touch pwned", "|touch pwned|", "\ntouch pwned\n"),
        *(
            "\nTAGSHIP_ENTRY\ntouch pwned\n",
            "');touch pwned;('",
            '";touch pwned;"',
            "${x:=$(touch pwned)}",
            "a[$(touch pwned)]",
        ),
        *("'", '"', "\\", "\n", "\r", "\t", " ", "{{ app }}", "$HOME", "$'\\n'", "%s", "%n", "../", "/", "-rf", "--"),
        *(
            "*",
            "~",
            "!",
            "!!",
            "#",
            "&",
            ">pwned",
            "<x",
            "=",
            "\x1b[2J",
            "\x7f",
            "é",
            "𝄞",
            "\u2028",
            "1.2.3-dev",
            "dev",
        ),
    ]
)
ANY = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
TEXT = st.lists(st.one_of(PIECES, ANY), min_size=1, max_size=5).map("".join)

T = TypeVar("T")
Judge = Callable[[Sequence[Any]], None]


def made(strategy: st.SearchStrategy[T], count: int = MADE) -> list[T]:
    """That many values, no two alike, drawn by hypothesis: the same at every run."""
    values: dict[T, None] = {}

    def draw(some: list[T]) -> None:
        values.update(dict.fromkeys(some))

    examples = min(50, count // DRAWN + 1)
    drawn = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    for number in itertools.count():
        seed(number)(drawn(given(st.lists(strategy, min_size=DRAWN, max_size=DRAWN))(draw)))()
        if len(values) >= count:
            return list(values)[:count]
    raise AssertionError


def each(what: str, values: Sequence[T], judge: Callable[[Sequence[T]], None], batch: int) -> None:
    """Judge all of them, `batch` at a time, and print how many they were."""
    for start in range(0, len(values), batch):
        some = values[start : start + batch]
        try:
            judge(some)
        except AssertionError:
            for one in some:
                alone(judge, one)
            raise
    print(f"{what}: {len(values):,} different, each arrived or was refused, none interpreted")


def alone(judge: Judge, value: Any) -> None:
    """Judge one; raises for the shortest text that is judged as badly."""
    try:
        judge([value])
    except AssertionError:
        if isinstance(value, str):
            for place in range(len(value)):
                alone(judge, value[:place] + value[place + 1 :])
        raise


def untouched(folder: Path) -> None:
    """No file that a value could have made: the folder is as empty as it was."""
    assert sorted(os.listdir(folder)) == [], folder
