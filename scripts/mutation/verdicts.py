"""What became of each mutant of a file, and which of those that live are known to be harmless."""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

HARMLESS = Path(__file__).with_name("harmless.toml")


@dataclass(frozen=True)
class Verdicts:
    """The mutants of one file: how many there are, how many are dead by which cause, and each that lives."""

    mutants: int
    killed: int
    timeouts: int
    survivors: tuple[str, ...]


def read(folder: Path, name: str) -> Verdicts:
    """Read what mutmut wrote down; a mutant that no test calls lives, as one does that was never judged."""
    path = f"tagship/{name}"
    codes = json.loads((folder / "mutants" / f"{path}.meta").read_text())["exit_code_by_key"]
    states = {mutant: status_by_exit_code[code] for mutant, code in codes.items()}
    living = [mutant for mutant, state in states.items() if state not in {"killed", "timeout"}]
    counts = [sum(state == wanted for state in states.values()) for wanted in ("killed", "timeout")]
    with contextlib.chdir(folder):
        return Verdicts(len(states), counts[0], counts[1], tuple(_described(mutant, path) for mutant in living))


def _described(mutant: str, path: str) -> str:
    """A mutant by its function and what changes there, which stays the same while other lines come and go."""
    function, of = orig_function_and_class_names_from_key(mutant)
    lines = get_diff_for_mutant(mutant, path=path).splitlines()[2:]
    changed = [f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-"]
    return "\n".join([f"{of}.{function}" if of else function, *changed])


def harmless(name: str, page: Path = HARMLESS) -> set[str]:
    """The survivors of a file that somebody has judged; raises ValueError for one without a reason."""
    groups = tomllib.loads(page.read_text()).get(name, [])
    if not all(group["why"] for group in groups):
        raise ValueError(f"{page.name}: a mutant of {name} has no reason")
    return {mutant.strip() for group in groups for mutant in group["mutants"]}


def to_paste(name: str, survivors: Iterable[str]) -> str:
    """Survivors in the form of harmless.toml, for those that are: the reason is yours."""
    mutants = "".join(f"'''\n{mutant}''',\n" for mutant in survivors)
    return f'[["{name}"]]\nwhy = ""\nmutants = [\n{mutants}]\n'
