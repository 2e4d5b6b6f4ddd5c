"""Calls by faults: kept a file a test, so that several processes can fill it, and drawn from all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.faults.journeys import JOURNEYS, KINDS

FOLDER = Path(".tagship") / "faults"
TABLE = "matrix.txt"
MARKS = {"green": "ok", "red": "RED", "never": "-", "": "."}
HEADS = ("killed before", "killed after", "error before", "answer lost", "lost once", "stalled 30 s", "throttled x3")


def clear(root: Path) -> None:
    shutil.rmtree(root / FOLDER, ignore_errors=True)


def keep(root: Path, journey: str, kind: str, cells: dict[str, str]) -> None:
    """The cells of one journey and one kind, by call: green, never, or red and why."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    (root / FOLDER / f"{journey}.{kind}.json").write_text(json.dumps(cells, indent=1))


def draw(root: Path) -> str:
    """The table, with what there was to count, kept beside its cells; empty where nothing ran."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for journey in JOURNEYS:
        for kind in KINDS:
            file = root / FOLDER / f"{journey}.{kind}.json"
            for call, state in json.loads(file.read_text()).items() if file.exists() else ():
                cells.setdefault((journey, call), {})[kind] = state.split(":")[0]
    if not cells:
        return ""
    width = max(len(call) for _, call in cells)
    lines, last = ["  ".join([" " * 10, "call".ljust(width), *HEADS])], ""
    for (journey, call), states in cells.items():
        row = [MARKS[states.get(kind, "")].ljust(len(head)) for kind, head in zip(KINDS, HEADS, strict=True)]
        lines.append("  ".join([(journey if journey != last else "").ljust(10), call.ljust(width), *row]).rstrip())
        last = journey
    every = [state for states in cells.values() for state in states.values()]
    ran = [state for state in every if state in {"green", "red"}]
    lines += ["", f"{len(cells)} calls, {len(ran)} cases: {ran.count('green')} green, {ran.count('red')} red"]
    lines += ["ok: green   -: cannot happen to this call   .: not in this run"]
    text = "\n".join(lines)
    (root / FOLDER / TABLE).write_text(text + "\n")
    return text
