"""`tagship`: the tasks as a program of its own, for a machine whose repository has no tasks.py."""

from __future__ import annotations

from typing import Any

from invoke.program import Program

from tagship import __version__
from tagship.tasks import ns
from tagship.tasks._usage import answer_usage


def run(argv: list[str] | None = None, **options: Any) -> None:
    """Run the console script."""
    program = Program(name="tagship", binary="tagship", namespace=ns, version=__version__)
    answer_usage(program)
    program.run(argv, **options)
