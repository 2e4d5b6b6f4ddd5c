"""`python -m scripts.bench [name…] [--json]`: measure, and print each figure beside its target.

With `--targets` a figure that misses its target, or that could not be measured, ends in exit 1; so does one of a fleet
or of a cleanup, always. The others are for people to read.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from scripts.bench import page
from scripts.bench.bundle import bundle
from scripts.bench.cleanup import cleanup
from scripts.bench.deploy_dev import deploy_dev
from scripts.bench.faults import faults
from scripts.bench.fleet import fleet, ocean
from scripts.bench.fresh import fresh
from scripts.bench.functions import functions
from scripts.bench.host import host
from scripts.bench.images import images
from scripts.bench.ledger import ledger
from scripts.bench.listing import listing
from scripts.bench.measure import Figure
from scripts.bench.rollback import rollback
from scripts.bench.services import services
from scripts.bench.static import static
from scripts.bench.statuses import statuses
from scripts.bench.suggest import suggest

BENCHES: dict[str, Callable[[Path], list[Figure]]] = {
    "list": listing,
    "suggest": suggest,
    "deploy-dev": deploy_dev,
    "bundle": bundle,
    "rollback": rollback,
    "ledger": ledger,
    "cleanup": cleanup,
    "status": statuses,
    "fleet": fleet,
    "fleet-2000": ocean,
    "faults": faults,
    "functions": functions,
    "host": host,
    "images": images,
    "fresh": fresh,
    "services": services,
    "static": static,
}
TARGETS = ("services", "functions", "images", "static")  # what `make bench-targets` measures, of every kind of target
LONG = {
    "ledger",
    "cleanup",
    "fleet",
    "fleet-2000",
    "faults",
    "host",
    "fresh",
    *TARGETS,
}  # minutes; with root, a registry, the AWS CLI or an index of packages: measured where they are asked for
STRICT = {"fleet", "fleet-2000", "cleanup"}  # counts and memory, and time beside what it has to take: promises
FAILED = "could not be measured"
COLUMNS = ("what", "measured", "beside", "result", "target")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.bench", description="Measure tagship beside what it is made of.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"which: {', '.join(BENCHES)}; left out, all but {', '.join(sorted(LONG))}",
    )
    parser.add_argument(
        "--targets", action="store_true", help=f"these: {', '.join(TARGETS)}; exit 1 if one misses its target"
    )
    parser.add_argument("--all", action="store_true", help="all of them: an hour or two, on a quiet machine, as root")
    parser.add_argument("--quick", action="store_true", help="what takes seconds, as if none were named")
    parser.add_argument("--page", action="store_true", help=f"put the figures into {page.PLACE} too")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(BENCHES)
    if unknown:
        parser.error(f"no bench is named {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
    measured: dict[str, list[Figure]] = {}
    for name in _chosen(asked):
        print(f"{name} …", file=sys.stderr, flush=True)
        measured[name] = measure(name, going_on=asked.targets or asked.all)
        if asked.page and not _failed(measured[name]):  # one that fails takes no figures with it, nor its own of before
            page.gather(page.PLACE, {name: measured[name]}, BENCHES)
            print(f"{page.PLACE}: {name}", file=sys.stderr)
    figures = [figure for part in measured.values() for figure in part]
    if asked.json:
        print(json.dumps([asdict(one) for one in figures], indent=2))
    else:
        print(table(figures))
    strict = set(measured) if asked.targets else STRICT & set(measured)
    missed = [figure for name in strict for figure in measured[name] if not figure.met]
    if missed:
        raise SystemExit(f"missed: {'; '.join(figure.what for figure in missed)}")


def measure(name: str, *, going_on: bool) -> list[Figure]:
    """The figures of one bench. `going_on`: one that can't be measured here takes none of the others with it."""
    try:
        with tempfile.TemporaryDirectory(prefix="tagship-bench-") as folder:
            return BENCHES[name](Path(folder))
    except (SystemExit, Exception) as reason:
        if not going_on:
            raise
        said = str(reason) if isinstance(reason, SystemExit) else f"{type(reason).__name__}: {reason}"
        print(f"{name}: {said}", file=sys.stderr)
        return [Figure(name, f"{name} {FAILED}", "", "", "", "(see above)", met=False)]


def _failed(figures: Sequence[Figure]) -> bool:
    return any(figure.what.endswith(FAILED) for figure in figures)


def _chosen(asked: argparse.Namespace) -> Sequence[str]:
    if asked.all:
        return [*BENCHES]
    return asked.names or (TARGETS if asked.targets else ()) or [name for name in BENCHES if name not in LONG]


def table(figures: Sequence[Figure]) -> str:
    rows = [COLUMNS, *(tuple(getattr(one, column) for column in COLUMNS) for one in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    marks = ["", *("" if one.met else "  missed" for one in figures)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join((line + mark).rstrip() for line, mark in zip(lines, marks, strict=True))
