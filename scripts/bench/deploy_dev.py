"""`deploy-dev --yes --no-follow` to a local bare remote, beside the same git commands in a shell script."""

from __future__ import annotations

import itertools
from pathlib import Path

from scripts.bench.measure import BIN, Figure, git, in_turns, ratio, repository, run, seconds

# What a careful person would type: the same checks, the same tag, the same push.
SCRIPT = """\
set -eu
git fetch --quiet origin '+refs/heads/dev:refs/remotes/origin/dev' 'refs/tags/*-dev:refs/tags/*-dev'
git rev-parse --is-shallow-repository HEAD >/dev/null
test "$(git symbolic-ref --short HEAD)" = dev
test -z "$(git status --porcelain)"
git rev-list --left-right --count HEAD...refs/remotes/origin/dev >/dev/null
git for-each-ref --format='%(refname:strip=2)' 'refs/tags/[0-9]*-dev' >/dev/null
git tag --annotate --message "Release $1" "$1"
git push --quiet --porcelain --atomic origin HEAD:refs/heads/dev "refs/tags/$1"
"""


def deploy_dev(folder: Path) -> list[Figure]:
    (folder / "ours").mkdir()
    (folder / "script").mkdir()
    work, plain = repository(folder / "ours"), repository(folder / "script")
    script = folder / "release.sh"
    script.write_text(SCRIPT)
    numbers = itertools.count()
    git(work, "tag", "--annotate", "--message", "Begin", "0.1.0-dev")
    git(work, "push", "--quiet", "origin", "refs/tags/0.1.0-dev")

    def ours() -> float:
        git(work, "commit", "--quiet", "--allow-empty", "-m", "Change something")
        return run([str(BIN / "inv"), "deploy-dev", "--yes", "--no-follow"], work)

    def by_hand() -> float:
        git(plain, "commit", "--quiet", "--allow-empty", "-m", "Change something")
        return run(["sh", str(script), f"0.1.{next(numbers)}-dev"], plain)

    def bare() -> float:
        return run([str(BIN / "inv"), "--version"], work)

    took, beside, invoke = in_turns(7, ours, by_hand, bare)
    more = took - beside
    what = "deploy-dev --yes --no-follow, beside a shell script"
    # 2.7: what 0.4 s are on a machine whose `inv --version` takes 0.15 s; the seconds are for that machine alone.
    return [
        Figure("deploy-dev", what, seconds(took), seconds(beside), f"+{more:.2f} s", "≤ +0.4 s", more <= 0.4),
        ratio("deploy-dev", "what it takes more than the script, beside `inv --version`", more, invoke, 2.7),
    ]
