"""The next version among 50,000 tags, beside git reading the same names.

Measured inside one process, after everything is imported: the wall time of the call (git's part included), and the
processor time that this process itself spends in it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from scripts.bench.measure import TOP, Figure, environment, git, ratio, repository, seconds

TAGS = 50_000

INSIDE = """
import json, os, subprocess, sys, time
from pathlib import Path
import git
from tagship.adapters.git import GitRepository
from tagship.domain.version import candidates

repository = GitRepository(Path.cwd(), inherited=os.environ)
by_itself = ["git", "for-each-ref", "--format=%(refname:strip=2)", "refs/tags/[0-9]*-dev"]
rows = []
for _ in range(12):
    wall, cpu = time.perf_counter(), time.process_time()
    newest = repository.newest("dev", 5).versions
    suggested = candidates(newest[0], "dev")
    ours, busy = time.perf_counter() - wall, time.process_time() - cpu
    wall = time.perf_counter()
    subprocess.run(by_itself, stdout=subprocess.DEVNULL, check=True)
    rows.append((ours, busy, time.perf_counter() - wall))
assert str(suggested["patch"]) == sys.argv[1], suggested
print(json.dumps(rows[2:]))
"""


def suggest(folder: Path) -> list[Figure]:
    work = repository(folder)
    head = git(work, "rev-parse", "HEAD").strip()
    names = [f"{n // 10_000}.{n // 100 % 100}.{n % 100}-dev" for n in range(TAGS)]
    git(work, "update-ref", "--stdin", give="".join(f"create refs/tags/{name} {head}\n" for name in names))
    git(work, "pack-refs", "--all")
    told = subprocess.run(
        [sys.executable, "-c", INSIDE, "4.99.100-dev"],
        cwd=work,
        env=environment() | {"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, busy, alone = (statistics.median(column) for column in zip(*json.loads(told.stdout), strict=True))
    figure = ratio("suggest", f"the next of {TAGS:,} tags, beside git for-each-ref", ours, alone, 1.5)
    own = Figure("suggest", "of that, this process's own work", seconds(busy), "", "", "", True)
    return [figure, own]
