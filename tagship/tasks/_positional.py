"""Positional arguments that leave `--help` alone: Invoke takes whatever comes next for a value that it still wants."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.parser.parser import Parser
from invoke.program import Program
from invoke.tasks import Task


class PositionalTask(Task[Any]):
    """A task whose positional arguments answer `--help` with the task's help."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        words = dict(self.help)
        found = super().get_arguments(ignore_unknown_help)
        self.help = words  # Invoke takes each text away that it has read, and this is read twice
        return [_asked(self.name, one) if one.positional else one for one in found]


def _asked(task: str, one: Argument) -> Argument:
    made = _Asked(names=one.names, kind=one.kind, help=one.help, positional=True, attr_name=one.attr_name)
    made.task = task
    return made


class _Asked(Argument):
    task = ""

    def set_value(self, value: Any, cast: bool = True) -> None:
        if value in {"--help", "-h"}:
            _show_help(self.task)
            raise Exit(code=0)
        super().set_value(value, cast)


def _show_help(task: str) -> None:
    """As `inv --help <task>` has it."""
    from tagship.tasks import ns

    program = Program(namespace=ns, binary=Path(sys.argv[0]).name)
    program.collection, program.parser = ns, Parser(contexts=ns.to_contexts())
    program.print_task_help(task)
