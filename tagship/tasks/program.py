"""`tagship`: the tasks as a program of its own, for a machine whose repository has no tasks.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from tagship import __version__
from tagship.errors import UsageError
from tagship.tasks import ns


@contextmanager
def _usage() -> Iterator[None]:
    """An unknown task or flag exits as a usage error does. (Invoke's own 1 is a defect's code here.)"""
    try:
        yield
    except ParseError as problem:
        raise Exit(f"error: {problem}\n next: see what there is: tagship --list", UsageError.exit_code) from problem


class Tagship(Program):
    """Invoke's Program, with the exit code of a usage error."""

    def parse_core(self, argv: list[str] | None) -> None:
        with _usage():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        with _usage():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        with _usage():
            super().parse_cleanup()


def run(argv: list[str] | None = None, **options: Any) -> None:
    """The console script."""
    Tagship(name="tagship", binary="tagship", namespace=ns, version=__version__).run(argv, **options)
