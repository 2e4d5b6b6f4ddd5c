"""Flags as Invoke's arguments: a value that is empty, or no number, is refused as it is read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.parser.parser import Parser
from invoke.program import Program
from invoke.tasks import Task

from tagship.errors import UsageError
from tagship.tasks._failures import three_lines
from tagship.tasks._help import print_task_help
from tagship.tasks.flags import Flag


class FlaggedTask(Task[Any]):
    """A task whose arguments are flags of the table.

    No short flags: they would move when a flag is added.
    """

    flags: Sequence[Flag] = ()
    group: str = ""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: ARG002 - Invoke's signature
        ordered = sorted(self.flags, key=lambda flag: not flag.positional)  # Invoke fills these in this order
        arguments = [_Value.of(self.command, flag) for flag in ordered]
        for argument, flag in zip(arguments, ordered, strict=True):
            arguments[0].followers |= dict.fromkeys(flag.after, argument)
        return list(arguments)

    @property
    def command(self) -> str:
        """Return the task's name in the namespace: infra.lock, deploy-dev."""
        return f"{self.group}.{self.name}" if self.group else str(self.name)


class _Value(Argument):
    command = ""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.followers: dict[str, _Value] = {}  # by this one's value: what is needed too

    @classmethod
    def of(cls, command: str, flag: Flag) -> _Value:
        argument = cls(
            names=flag.names,
            kind=list if flag.many else type(flag.default),
            default=None if flag.many or (flag.positional and not flag.after) else flag.default,
            help=flag.help,
            positional=flag.positional,
            attr_name=flag.keyword if flag.keyword != flag.name else None,  # Invoke's help takes it for the flag's name
        )
        argument.command = command
        return argument

    def set_value(self, value: Any, cast: bool = True) -> None:
        if self.positional and value in {"--help", "-h"}:  # Invoke takes whatever comes next for the value
            _show_help(self.command)
            raise Exit(code=0)
        if isinstance(value, str) and not value.strip():
            raise self._refused(f"--{self.names[0]} was given an empty value.", "Is a variable unset? Give it a value")
        try:
            super().set_value(value, cast)
            self._require(value)
        except ValueError:
            raise self._refused(
                f"Invalid --{self.names[0]} {value[:20]!r}: it takes a whole number.", "Give a number"
            ) from None

    def _require(self, value: Any) -> None:
        """Have Invoke read what this value needs after it."""
        # It reads positional arguments that have no default.
        if value in self.followers:
            self.followers[value].default = None

    def _refused(self, problem: str, remedy: str) -> Exit:
        """Make an error that Invoke's own program ends with too."""
        # While it parses, it knows no errors of ours.
        error = UsageError(problem, remedy=f"{remedy}, or leave the flag out: inv {self.command} --help")
        return Exit(three_lines(error), UsageError.exit_code)


def _show_help(task: str) -> None:
    """Print a task's help as `inv --help <task>` does."""
    from tagship.tasks import ns

    program = Program(namespace=ns, binary=Path(sys.argv[0]).name)
    program.collection, program.parser = ns, Parser(contexts=ns.to_contexts())
    print_task_help(program, task)
