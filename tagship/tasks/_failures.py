"""How a task fails: three sentences on stderr and an exit code. The toolkit's one catch."""

from __future__ import annotations

import errno
import logging
import re
import shlex
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from invoke.exceptions import Exit

from tagship.errors import Interrupted, ServiceFailed, TagshipError

_MAKE_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_MAY_NOT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_AGAIN = re.compile(r"(?i)\brun (?:the same command|it) again$", re.MULTILINE)
_FLAGS = re.compile(r"(?<=: )(?:--[a-z-]+ [^\s-]\S*)(?: --[a-z-]+ [^\s-]\S*)*$", re.MULTILINE)
_VERSIONS = ("--version", "--to", "--artifact")  # one flag, by its name and its old spellings
_SHOWN = 300  # characters of a command that are printed
_DONE = "What was printed last may be done, or not; nothing after it was started."


@contextmanager
def failures_said() -> Iterator[None]:
    """Print any error as three sentences, and exit with its code."""
    try:
        yield
    except TagshipError as problem:
        _print(problem, problem)
        raise Exit(code=problem.exit_code) from problem
    except KeyboardInterrupt as problem:
        _print(Interrupted("Interrupted.", state=_DONE, remedy=f"See what runs: {_status()}"), problem)
        raise Exit(code=Interrupted.exit_code) from problem
    except Exit:
        raise
    except Exception as defect:
        raise Exit(code=_print_unforeseen(defect)) from defect


def three_lines(problem: TagshipError) -> str:
    """Write what is wrong, how things are now, and the next command."""
    from tagship.domain.text import visible

    now = _callable(problem.state)  # it may name a command to look by
    sentences = {"error": problem.what, "  now": now, " next": _spelled(problem.remedy)}
    return "\n".join(f"{name}: {_indented(visible(text))}" for name, text in sentences.items())


def _spelled(remedy: str) -> str:
    """Name the command that a remedy has somebody run again.

    Whole as well if the remedy names only the flags that it takes.
    """
    typed = [Path(sys.argv[0]).name, *sys.argv[1:]]
    if len(shlex.join(typed)) > _SHOWN:
        return remedy
    again = _AGAIN.sub(lambda words: f"{words[0]}: {shlex.join(typed)}", remedy)
    return _callable(_FLAGS.sub(lambda flags: _with(typed, flags[0].split()), again))


def _callable(remedy: str) -> str:
    from tagship.domain.called import as_called

    return as_called(remedy, sys.argv[0], shutil.which, by_path=True)


def _with(typed: list[str], flags: list[str]) -> str:
    """Spell what was typed with these flags in place of its own."""
    names = {same for name in flags[::2] for same in (_VERSIONS if name in _VERSIONS else (name,))}
    words, is_value = list[str](), False
    for word in typed:
        name, given, _ = word.partition("=")
        if not is_value and name not in names:
            words.append(word)
        is_value = name in names and not given
    return f"{shlex.join(words)} {' '.join(flags)}"


def _indented(text: str) -> str:
    """Indent what follows a line break: it is no line of ours."""
    first, *more = text.split("\n")
    return "\n".join([first, *(f"{'':7}{line.strip()}" for line in more)])


def _status() -> str:
    from tagship.domain import commands

    return commands.status()


def _print(problem: TagshipError, cause: BaseException) -> None:
    from tagship.domain.text import quoted

    with suppress(OSError):  # a full disk: the exit code says it all the same
        if problem.evidence:
            print(quoted(problem.evidence.rstrip("\n")), file=sys.stderr)
        print(three_lines(problem), file=sys.stderr)
        _print_traceback(cause)


def _print_traceback(cause: BaseException) -> None:
    from tagship.domain.text import visible

    if _debugging():
        print(visible("".join(traceback.format_exception(cause)).rstrip("\n")), file=sys.stderr)


def _print_unforeseen(defect: Exception) -> int:
    """Print what no verb expected; return its exit code."""
    # The machine's (such as a full disk), or a defect's.
    code, remedy = 1, "run it again with --debug and report what it prints"
    problem = f"tagship itself failed: {type(defect).__name__}: {defect}"
    if isinstance(defect, OSError) and defect.errno:
        where = f": {defect.filename}" if defect.filename else ""
        code, problem = ServiceFailed.exit_code, f"This machine says: {defect.strerror}{where}"
        remedy = f"{_mended(defect.errno)}; then run it again"
    unforeseen = TagshipError(problem, state=f"unknown; look before you act: {_status()}", remedy=remedy)
    with suppress(OSError):  # as above
        print(three_lines(unforeseen), file=sys.stderr)
        _print_traceback(defect)
    return code


def _mended(number: int) -> str:
    if number in _MAKE_ROOM:
        return "Make room there"
    return "Get write permission there" if number in _MAY_NOT else "Correct that"


def _debugging() -> bool:
    """Tell whether `--debug` was given, or TAGSHIP_DEBUG is set."""
    # With the flag, Invoke logs at DEBUG.
    from tagship.bootstrap import debugging

    return debugging() or logging.getLogger("invoke").getEffectiveLevel() <= logging.DEBUG
