"""What people type for a verb here: a Make target that is tagship's, or `inv`. A team's own is another thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

WRITTEN = "tagship.mk"  # by `tagship init`
FILES = ("GNUmakefile", "makefile", "Makefile", WRITTEN)
RECIPE = r"(?:(?!=).*;|.*\n\t)[^\n]*(?:\binv|\binvoke|\btagship|\$\(\w*(?:INV|TAGSHIP)\w*\))[ ]"


def ship(root: Path, environment: str, *, first_time: bool) -> str:
    """Spell the command that ships to an environment."""
    target, first = f"deploy-{environment}", "--first" if first_time else ""
    return _made(root, target, "deploy-", first) or f"inv deploy-dev --env {environment} {first}".rstrip()


def sandbox(root: Path, verb: str) -> str:
    """Spell a command about the sandbox itself."""
    return _made(root, "sandbox", "sandbox ", verb, (WRITTEN,)) or f"inv sandbox {verb}"


def _made(root: Path, target: str, words: str, arguments: str, files: Sequence[str] = FILES) -> str:
    """Spell the Make target of a verb; empty without one."""
    given = f" ARGS={arguments}" if arguments else ""
    for name in (target, f"tagship-{target}"):
        if any(_runs_tagship(root / file, name, words) for file in files):
            return f"make {name}{given}"
    return ""


def _runs_tagship(file: Path, target: str, words: str) -> bool:
    text = file.read_text("utf-8", errors="replace") if file.is_file() else ""
    return re.search(rf"^{re.escape(target)}:{RECIPE}{re.escape(words)}", text, re.MULTILINE) is not None
