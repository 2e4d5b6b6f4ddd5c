"""Judge the tests of the files where a mistake hurts most; exits 1 if a mutant lives that nobody has judged."""

from __future__ import annotations

import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from scripts.mutation import verdicts, workplace

FILES = Path(__file__).with_name("files.toml")


def main(wanted: Sequence[str]) -> int:
    """Run the files that are named, or all of them."""
    files = tomllib.loads(FILES.read_text())
    if unknown := sorted(set(wanted) - set(files)):
        print(f"Not in {FILES.name}: {', '.join(unknown)}")
        return 2
    return max([_judged(name, files[name]) for name in wanted or files])


def _judged(name: str, tests: Sequence[str]) -> int:
    """Judge one file: 1 if it has a new survivor."""
    start = time.monotonic()
    folder = workplace.prepare(name, tests)
    workplace.run_mutmut(folder)
    found = verdicts.read(folder, name)
    known = verdicts.harmless(name)
    new = [mutant for mutant in found.survivors if mutant not in known]
    print(
        f"{name}: {found.mutants} mutants, {found.killed} killed, {found.timeouts} timed out,"
        f" {len(found.survivors) - len(new)} known to be harmless, {len(new)} new survivors"
        f" ({time.monotonic() - start:.0f} s)",
        flush=True,
    )
    for gone in sorted(known - set(found.survivors)):
        print(f"{verdicts.HARMLESS.name} has a mutant that does not live any more; take it out:\n{gone}\n")
    if new:
        print(f"Write the test that kills each, or put it into {verdicts.HARMLESS.name} with its reason:\n")
        print(verdicts.to_paste(name, new), flush=True)
    return int(bool(new))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
