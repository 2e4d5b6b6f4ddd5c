"""`@verb`: an Invoke task that prints a failure as three sentences and exits with its code: the toolkit's one catch."""

from __future__ import annotations

import errno
import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import Task, task

from tagship.errors import Interrupted, ServiceFailed, TagshipError, UsageError
from tagship.tasks._positional import PositionalTask

if TYPE_CHECKING:
    from tagship.bootstrap import App

_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE})
_DONE = "What the lines above say was done is done, and nothing after it was begun."


def verb(**options: Any) -> Callable[[Callable[..., Any]], Task[Any]]:
    """Declare a task. Short flags are not assigned: they would be a public API that moves when a flag is added."""

    def declare(body: Callable[..., Any]) -> Task[Any]:
        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return body(*args, **kwargs)
            except TagshipError as problem:
                _print(problem)
                raise Exit(code=problem.exit_code) from problem
            except KeyboardInterrupt as problem:
                _print(Interrupted("Interrupted.", state=_DONE, remedy="See what runs: inv status"))
                raise Exit(code=Interrupted.exit_code) from problem
            except Exit:
                raise
            except Exception as defect:
                raise Exit(code=_print_unforeseen(defect)) from defect

        klass = PositionalTask if options.get("positional") else Task
        declared: Task[Any] = task(auto_shortflags=False, klass=klass, **options)(guarded)
        return declared

    return declare


def opened(*, as_json: bool = False) -> App:
    """The App of the repository one stands in; where it ships to the sandbox, that is said first."""
    from tagship import bootstrap

    app = bootstrap.app(as_json=as_json)
    if app.settings.sandbox:
        app.screen.say("SANDBOX: everything below happens on this machine; no AWS account is touched.")
    return app


def number(given: str, example: str) -> int:
    """A flag's whole number; raises UsageError. (Invoke's own flags of numbers end in a traceback where it is none.)"""
    if not given.removeprefix("-").isdecimal():
        raise UsageError(f"{given!r} is no whole number.", remedy=f"Give one: {example}")
    return int(given)


def _print(problem: TagshipError) -> None:
    if problem.evidence:
        print(problem.evidence.rstrip("\n"), file=sys.stderr)
    print(f"error: {problem.what}", file=sys.stderr)
    print(f"  now: {problem.state}", file=sys.stderr)
    print(f" next: {problem.remedy}", file=sys.stderr)
    if _debugging():
        traceback.print_exception(problem)


def _print_unforeseen(defect: Exception) -> int:
    """What no workflow expected, and its exit code: the machine (a full disk, say) or a defect."""
    if isinstance(defect, OSError) and defect.errno in _MACHINE:
        where = f": {defect.filename}" if defect.filename else ""
        code, what = ServiceFailed.exit_code, f"This machine says: {defect.strerror}{where}"
        remedy = "Make room, or take the right to write there; then run it again"
    else:
        code, what = 1, f"tagship itself failed: {type(defect).__name__}: {defect}"
        remedy = "run it again with --debug and report what it prints"
    print(f"error: {what}", file=sys.stderr)
    print("  now: unknown; look before you act: inv status", file=sys.stderr)
    print(f" next: {remedy}", file=sys.stderr)
    if _debugging():
        traceback.print_exception(defect)
    return code


def _debugging() -> bool:
    """Whether `--debug` was given (Invoke then logs at DEBUG), or TAGSHIP_DEBUG is set."""
    return bool(os.environ.get("TAGSHIP_DEBUG")) or logging.getLogger("invoke").getEffectiveLevel() <= logging.DEBUG
