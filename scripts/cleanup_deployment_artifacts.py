"""`inv cleanup` with the flags of the scripts that teams have: --bucket, --pr, --days, --keep, --dry-run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tagship.domain.retention import DAYS, KEEP


def arguments(given: Sequence[str]) -> list[str]:
    """What `inv` is asked in place of it. Ends the process with 2 for another bucket than the one of the settings."""
    parser = argparse.ArgumentParser(prog="cleanup_deployment_artifacts", description="Delete old artifacts.")
    parser.add_argument("--bucket", default="", help="the bucket; it has to be aws.bucket of tagship.toml")
    parser.add_argument("--pr", default="", help="only this pull request's environment")
    parser.add_argument("--days", type=int, default=DAYS, help=f"how many days an artifact stays ({DAYS})")
    parser.add_argument("--keep", type=int, default=KEEP, help=f"how many of the newest healthy ones stay ({KEEP})")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and stop")
    asked = parser.parse_args(given)
    if asked.bucket and asked.bucket != (ours := _bucket()):
        parser.error(
            f"--bucket {asked.bucket} is not aws.bucket of tagship.toml ({ours}), where the ledger says what is in use"
        )
    pull_request = ["--pr", asked.pr] if asked.pr else []
    dry_run = ["--dry-run"] if asked.dry_run else []
    return ["cleanup", *pull_request, "--days", str(asked.days), "--keep", str(asked.keep), *dry_run]


def _bucket() -> str:
    from pathlib import Path

    from tagship import settings

    return settings.load(settings.find(Path.cwd())).aws.bucket


def main() -> None:
    from tagship.tasks import program

    program.run(["tagship", *arguments(sys.argv[1:])])


if __name__ == "__main__":
    main()
