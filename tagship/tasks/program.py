"""`tagship`: the tasks as a program of its own, for a machine whose repository has no tasks.py."""

from __future__ import annotations

from functools import partial
from typing import Any

from invoke.program import Program

from tagship import __version__
from tagship.tasks import ns
from tagship.tasks._help import print_program_help
from tagship.tasks._usage import answer_usage


def run(argv: list[str] | None = None, **options: Any) -> None:
    """Run the console script."""
    program = Program(name="tagship", binary="tagship", namespace=ns, version=__version__)
    answer_usage(program)
    program.print_help = partial(print_program_help, program)  # type: ignore[method-assign]
    program.run(argv, **options)
