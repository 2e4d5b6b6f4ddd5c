"""bandit over the package. An exception is written once, for ruff and for bandit: `# noqa: S310 (why)` is B310 too.

What neither rule set shares has bandit's own `# nosec B604`. Either way the reason has to stand beside it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WHAT = ("tagship", "tasks.py")
# Rules that ruff is told to leave out as well, with the reason, in pyproject.toml: S404 is no stable rule of ruff's.
LEFT_OUT = ("B404", "B603", "B607")
EXCEPTION = re.compile(r"# (?:noqa: (?P<noqa>[A-Z]+\d+(?:, ?[A-Z]+\d+)*)|nosec (?P<nosec>B\d{3}))(?P<reason>[^#]*)")


def findings(*what: str) -> list[dict[str, Any]]:
    """Ask bandit. Raises CalledProcessError if it could not read a file."""
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", *what, "--format=json", "--exit-zero"]
    answer = subprocess.run([*command, f"--skip={','.join(LEFT_OUT)}"], capture_output=True, text=True, check=True)
    said = json.loads(answer.stdout)
    if said["errors"]:
        raise subprocess.CalledProcessError(1, command, str(said["errors"]))
    return list(said["results"])


def excepted(line: str) -> set[str]:
    """The rules of bandit's that a line is an exception from."""
    codes = {code for found in EXCEPTION.finditer(line) for code in re.split(", ?", found["noqa"] or "")}
    return {f"B{code[1:]}" for code in codes if re.fullmatch(r"S\d{3}", code)}


def unexplained(line: str) -> bool:
    """Whether a line has an exception from a security rule, and no word of why."""
    security = [found for found in EXCEPTION.finditer(line) if found["nosec"] or re.search(r"S\d{3}", found["noqa"])]
    reasons = line.split("# noqa", 1)[-1].split("# nosec", 1)[-1]
    return bool(security) and not re.search(r"[a-z]{3}", re.sub(r"\b[BS]\d{3}\b", "", reasons))


def faults(root: Path, *what: str) -> Iterator[str]:
    """What bandit finds that no exception covers, and exceptions without a reason."""
    for finding in findings(*what):
        lines = Path(finding["filename"]).read_text("utf-8").splitlines()
        statement = (lines[number - 1] for number in finding["line_range"])  # ruff marks the line, bandit the statement
        if finding["test_id"] not in set().union(*map(excepted, statement)):
            yield f"{finding['filename']}:{finding['line_number']}: {finding['test_id']} {finding['issue_text']}"
    for file in sorted(path for name in what for path in _python(root / name)):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if unexplained(line):
                yield f"{file.relative_to(root)}:{number}: an exception without its reason: {line.strip()}"


def _python(place: Path) -> list[Path]:
    return list(place.rglob("*.py")) if place.is_dir() else [place]


if __name__ == "__main__":
    wrong = list(faults(Path.cwd(), *WHAT))
    print("\n".join(wrong) or f"bandit: nothing unexplained in {' and '.join(WHAT)}")
    sys.exit(bool(wrong))
