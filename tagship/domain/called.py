"""The program's name in the commands that messages advise. pipx, and `make`, bring `tagship` and no `inv`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

_INV = re.compile(r"(?<![\w./-])inv (?=[a-z-])")


def as_called(text: str, program: str, which: Callable[[str], object], *, by_path: bool) -> str:
    """Spell `inv …` as its reader can type it.

    `program` is the file that runs, `which` looks a name up on PATH. With neither name on PATH, and `by_path`, a
    command begins with the file: a remedy has to be one that can be typed; a table has no room for it.
    """
    if program.rpartition("/")[2] != "tagship" or which("inv"):
        return text
    if which("tagship"):
        return _INV.sub("tagship ", text)
    return _INV.sub(lambda _: f"{shlex.quote(program)} ", text) if by_path else text
