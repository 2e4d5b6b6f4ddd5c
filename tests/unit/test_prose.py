"""Docstrings are commands of at most twelve words, and names say what they hold: tests/unit/house/prose.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.house import prose
from tests.unit.house.source import TOP, House, house

HOUSE = House(TOP)
Law = Callable[[House], list[str]]

# law -> sources that break it
BREACHES: dict[Law, tuple[str, ...]] = {
    prose.vague_names: (
        "def f(one): ...\n",
        "def f():\n    found = 1\n",
        "def f():\n    found: int = 1\n",
        "for each in (): ...\n",
        "NAMES = [it for it in ()]\n",
        "with open('f') as there: ...\n",
        "class C:\n    def f(self, *, what=''): ...\n",
    ),
    prose.descriptions: (
        'def f():\n    """The version that runs."""\n',
        'def f():\n    """Whether it runs."""\n',
        'def f():\n    """Returns the version."""\n',
        'def f():\n    """Seconds to wait."""\n',
        'def f():\n    """Running instances, by id."""\n',
        'def f():\n    """`docker build`, as a list."""\n',
        'class C:\n    def f(self):\n        """What it holds."""\n',
        'async def f():\n    """A version."""\n',
    ),
    prose.long_first_lines: (
        'def f():\n    """Return a first line of so many words that it has thirteen words."""\n',
        'class C:\n    """A first line of so many words that it has thirteen of them."""\n',
    ),
}
PLANTED = [(law, source) for law, sources in BREACHES.items() for source in sources]

PLAIN = '''\
"""The module's own docstring may describe: what it is, and whatever else a reader of it needs to know."""

class Answer:
    """What a host said."""

    found: int = 0  # a field: the schema's name


def f(host, version):
    """Tell whether the host runs the version that was asked for, yes.

    The rest may be as long as it has to be, and begin as it likes.
    """
    return [entry for entry in (host, version)]


def g():
    """Compress it; pass it on."""


def h():
    """Bring it back."""


def k(): ...
'''


@pytest.mark.parametrize("law", BREACHES, ids=lambda law: law.__name__)
def test_the_prose_keeps_the_law(law: Law) -> None:
    assert not law(HOUSE)


@pytest.mark.parametrize(("law", "source"), PLANTED)
def test_a_planted_breach_is_found(law: Law, source: str, tmp_path: Path) -> None:
    assert law(house(tmp_path, {"domain/plan.py": source}))


@pytest.mark.parametrize("law", BREACHES, ids=lambda law: law.__name__)
def test_plain_prose_is_no_breach(law: Law, tmp_path: Path) -> None:
    assert not law(house(tmp_path, {"domain/plan.py": PLAIN}))
