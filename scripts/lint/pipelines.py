"""Our own workflows beside deploy-dev.yml, as `init` writes them for a team: python -m scripts.lint.pipelines

This repository ships its sample app to dev alone, so the two that promote say so and deploy nothing until tagship.toml
has `preprod` and `prod`. So do those of pull requests, until it has [previews].
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tagship.scaffold.pipelines import Pipelines

WORKFLOWS = Path(__file__).parents[2] / ".github/workflows"
ACTION = ".github/actions/setup"
ORDER = ("dev", "preprod", "prod")
PROMOTING = ("build-and-promote.yml", "deploy-prod.yml")
SCHEDULED = ("cleanup.yml", "preview-sweep.yml", "verify.yml")
GUARD = b"""\
    # By the clock only where AWS has roles for this repository, which a variable of it says: its own dev is a sandbox.
    if: github.event_name != 'schedule' || vars.TAGSHIP_SCHEDULES == 'true'
"""
JOB = b"    runs-on: ubuntu-24.04\n"


def files() -> Iterator[tuple[str, bytes]]:
    """Each workflow's file name and content."""
    paths = ("examples/**", "tagship.toml")
    for environments, order in ((ORDER, ORDER), (("dev",), ())):
        made = Pipelines(environments, ACTION, order, paths=paths, run="inv", previews=not order)
        for name, content in made.files():
            if (name in PROMOTING) == bool(order):
                ours = content.replace(b"# Written by `tagship init`. ", b"# ", 1)
                yield name, ours.replace(JOB, GUARD + JOB) if name in SCHEDULED else ours


def main() -> None:
    for name, content in files():
        (WORKFLOWS / name).write_bytes(content)


if __name__ == "__main__":
    main()
