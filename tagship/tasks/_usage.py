"""Answer an unknown task or flag, or a missing value: three lines, the nearest match, and exit 2."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from tagship.errors import UsageError
from tagship.tasks._failures import three_lines
from tagship.tasks._help import print_task_help

_UNKNOWN = re.compile(r"No idea what (['\"])(?P<word>.*)\1 is!\Z", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <\w+: (?P<name>[\w-]+).* needed value")
_POSITIONAL = re.compile(r"did not receive required positional arguments: (?P<names>.+)\Z")
_NO_GROUP = re.compile(r"Sub-collection '(?P<word>.*)' not found!\Z", re.DOTALL)
_VERSION = re.compile(r"\d+\.\d[\w.+-]{,60}\Z", re.ASCII)
ALIKE = 0.8  # how much of two words is the same, of 1: a first letter may be wrong then
_SHOWN = 60  # characters of a word that somebody typed


def answer_usage(program: Program) -> None:
    """Make a program answer usage errors in tagship's words."""
    # Invoke has no hook for it, and would end with 1.
    for step in ("parse_core", "parse_tasks", "parse_cleanup"):
        setattr(program, step, _answering(program, getattr(program, step)))
    program.no_tasks_given = functools.partial(_list, program)  # type: ignore[method-assign]
    program.print_task_help = functools.partial(print_task_help, program)  # type: ignore[method-assign]


def _list(program: Program) -> None:
    """List the tasks for somebody who typed none."""
    # Invoke would print its own options, and no task.
    program.list_tasks()
    print(f"The flags of a task: {program.called_as} TASK --help")
    raise Exit


def _answering(program: Program, step: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(step)
    def parse(*args: Any) -> None:
        with _usage(program):
            step(*args)

    return parse


@contextmanager
def _usage(program: Program) -> Iterator[None]:
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # what is left would meet a reader that has gone as Python ends
    except ParseError as problem:
        context = problem.context if problem.context and problem.context.name else None
        raise _exit(_answer(program, str(problem), context)) from problem
    except BrokenPipeError as gone:  # `inv --list | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=0) from gone
    except Exit as end:
        group = _NO_GROUP.match(end.message or "")
        if group is None:
            raise
        raise _exit(_unknown_task(program, group["word"])) from end


def _exit(problem: UsageError) -> Exit:
    return Exit(three_lines(problem), problem.exit_code)


def _answer(program: Program, complaint: str, task: Any) -> UsageError:
    """Answer what Invoke said, about a task or (None) about none."""
    called = program.called_as
    if (unknown := _UNKNOWN.search(complaint)) and not unknown["word"].startswith("-"):
        word = unknown["word"]
        return _stray(called, task, word) if task else _unknown_task(program, word)
    help_of = f"{called} {task.name} --help" if task else f"{called} --help"
    if unknown:
        return _unknown_flag(called, task, unknown["word"], [*_flags(program, task)], help_of)
    if missing := _NO_VALUE.search(complaint):
        return UsageError(f"--{missing['name'].replace('_', '-')} needs a value.", remedy=f"Give it one: {help_of}")
    if positional := _POSITIONAL.search(complaint):
        names = positional["names"].replace("'", "").replace(", ", " and ")
        return UsageError(f"{called} {task.name} needs {names}.", remedy=f"See how: {help_of}")
    return UsageError(complaint, remedy=f"See what there is: {help_of}")


def _flags(program: Program, task: Any) -> Iterable[str]:
    return [*task.flags, *task.inverse_flags] if task else program.initial_context.flags


def _unknown_flag(called: str, task: Any, word: str, known: list[str], help_of: str) -> UsageError:
    problem = f"{called}{f' {task.name}' if task else ''} has no flag {_short(word)}."
    return UsageError(problem, remedy=f"{_nearest(word.partition('=')[0], known)}See its flags: {help_of}")


def _unknown_task(program: Program, word: str) -> UsageError:
    """Say that there is no such task, and name the nearest."""
    # A repository's own tasks count too.
    names = [name for name in program.collection.task_names if isinstance(name, str)]
    remedy = f"{_nearest(word, names)}See what there is: {program.called_as} --list"
    return UsageError(f"There is no task {_short(word)}.", remedy=remedy)


def _stray(called: str, task: Any, word: str) -> UsageError:
    """Refuse a value without its flag, and name the flag."""
    # A version is worth a whole command.
    remedy = f"Name what it is by a flag: {called} {task.name} --help"
    flag = next((flag for flag in ("--to", "--version") if flag in task.flags), "")
    if flag and _VERSION.match(word):
        main = task.flags[flag].names[0]
        remedy = f"Name it by its flag: {called} {task.name} --{main} {word}"
    return UsageError(f"{called} {task.name} takes no {_short(word)} without a flag.", remedy=remedy)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = next((name for name in get_close_matches(word, [*known], 3, 0.6) if _is_near(word, name)), "")
    return f"Did you mean {near}? " if near else ""


def _is_near(word: str, name: str) -> bool:
    """Tell whether one may be a slip for the other."""
    # What only rhymes (person, version) is none.
    typed, meant = word.lstrip("-"), name.lstrip("-")
    return typed[:1] == meant[:1] or SequenceMatcher(None, typed, meant).ratio() >= ALIKE


def _short(word: str) -> str:
    return repr(word) if len(word) <= _SHOWN else f"{word[:_SHOWN]!r}… ({len(word)} characters)"
