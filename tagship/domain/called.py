"""The program's name in the commands that messages advise: pipx, and `make`, bring none of it on PATH, or `tagship`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

_INV = re.compile(r"(?<![\w./-])inv (?=[a-z-])")
_TAGSHIP = re.compile(r"(?<![\w./-])tagship (?=init\b)")
PROGRAMS = ("inv", "invoke", "tagship")


def as_called(text: str, program: str, which: Callable[[str], object], *, by_path: bool) -> str:
    """Spell `inv …` as its reader can type it.

    `program` is the file that runs, `which` looks a name up on PATH. With neither name on PATH, and `by_path`, a
    command begins with the file: a remedy has to be one that can be typed; a table has no room for it.
    """
    folder, slash, name = program.rpartition("/")
    if name not in PROGRAMS:
        return text
    if not which("tagship") and by_path and slash:
        beside = shlex.quote(f"{folder}/tagship")
        text = _TAGSHIP.sub(lambda _: f"{beside} ", text)
    if which("inv"):
        return text
    if which("tagship"):
        return _INV.sub("tagship ", text)
    return _INV.sub(lambda _: f"{shlex.quote(program)} ", text) if by_path and slash else text
