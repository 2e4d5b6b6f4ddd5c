"""`@verb`: an Invoke task that runs the function of its name in verbs/, and prints its result. No logic."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from invoke.tasks import Task, task

from tagship.errors import Interrupted, ServiceFailed, TagshipError, UsageError
from tagship.tasks._arguments import FlaggedTask
from tagship.tasks._failures import failures_said
from tagship.tasks.flags import Flag

if TYPE_CHECKING:
    from tagship.bootstrap import Wiring

Values = Mapping[str, Any]


def command(*flags: Flag, of: str = "", default: bool = False) -> Callable[[Callable[..., None]], Task[Any]]:
    """Declare a task that gets its flags' values by name."""

    def declare(body: Callable[..., None]) -> Task[Any]:
        @functools.wraps(body)
        def guarded(_c: object, **given: Any) -> None:
            _keep_bytecode()
            with failures_said():
                body(**{flag.attribute: _plain(_given(flag, given)) for flag in flags})

        called = body.__name__.rstrip("_").replace("_", "-")  # `continue` is a word of Python's
        declared: FlaggedTask = task(klass=FlaggedTask, name=called, default=default, positional=[])(guarded)
        declared.flags, declared.group = flags, of
        return declared

    return declare


def _keep_bytecode() -> None:
    """Have Python cache what a verb imports, unless its user wants none.

    Invoke stops that. Where nothing is compiled (a clone; uv installs so), each command would compile it all.
    It begins after tasks.py was loaded: what that imports of its own repository leaves no files there.
    """
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)


def _given(flag: Flag, given: Values) -> Any:
    """Find a flag's value, by Invoke's name or the verb's."""
    return given.get(flag.keyword, given.get(flag.attribute, flag.default))


def _plain(value: Any) -> Any:
    """Put the values of a flag that may be repeated between commas."""
    return ",".join(value) if isinstance(value, list) else value


def verb(
    *flags: Flag,
    of: str = "",
    wrap: str = "",
    announce: bool = False,
    document: bool = False,
    default: bool = False,
    settled: bool = True,
) -> Callable[[Callable[[], None]], Task[Any]]:
    """Declare the task of verbs.<name>, named as the decorated function.

    That function's docstring is what `inv --list` shows. `of` is the group it belongs to. `wrap` is the JSON document's
    one key. `announce`: CI calls it, and its end becomes an annotation of the run. `document`: stdout is for its result
    alone, with or without --json. `settled` is false for a verb of repositories that have no settings yet.
    """

    def declare(stub: Callable[[], None]) -> Task[Any]:
        module = f"{of}_{stub.__name__}" if of else stub.__name__

        def body(**values: Any) -> None:
            _collect_less()
            if _turned(flags, values):
                return
            asked = {flag.attribute: values[flag.attribute] for flag in flags if not flag.becomes}
            as_json = bool(asked.pop("json", False))
            app = (opened if settled else _begun)(as_json=as_json or document)
            asked |= {name: app.settings.tags.names.text(asked[name]) for name in _tagged(flags)}
            with _announced(app) if announce else nullcontext():
                result = _function(module)(app, **asked)
                _show(app, result, as_json=as_json, wrap=wrap)
                if hasattr(result, "ci_outputs"):
                    app.ci.output(result.ci_outputs(app))
                if hasattr(result, "insist"):
                    result.insist()
                if announce and (announcement := getattr(result, "announcement", "")):
                    app.ci.annotate(0, announcement)
            _require_written(app, result)

        return command(*flags, of=of, default=default)(functools.wraps(stub)(body))

    return declare


def _tagged(flags: Sequence[Flag]) -> list[str]:
    """List the values that name a version, maybe as its tag does."""
    return [flag.attribute for flag in flags if flag.tagged]


def _collect_less() -> None:
    """Let the collector of garbage run less often."""
    # A task makes a few hundred thousand objects that live as long as it does: a tenth of its seconds went to them.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def opened(*, as_json: bool = False) -> Wiring:
    """Open the Wiring of this repository; announce the sandbox."""
    from tagship import bootstrap

    app = bootstrap.app(as_json=as_json)
    if app.settings.sandbox:
        app.screen.say("SANDBOX: everything below happens on this machine; no AWS account is touched.")
    return app


def _begun(*, as_json: bool) -> Any:
    """Make the ports of a repository that has no settings yet."""
    from pathlib import Path

    from tagship import bootstrap

    return bootstrap.Unsettled(Path.cwd(), as_json)


def _function(module: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(import_module(f"tagship.verbs.{module}"), module)
    return function


def _show(app: Wiring, result: Any, *, as_json: bool, wrap: str) -> None:
    """Show a result: one JSON document, or its text."""
    if as_json:
        app.screen.data({wrap: _data(result)} if wrap else _data(result))
    elif text := getattr(result, "text", ""):
        app.screen.document(text)


def _require_written(app: Wiring, result: Any) -> None:
    """Raise ServiceFailed if some of the output is lost.

    What the verb does goes on without: only its words are missing.
    """
    if app.screen.lost:
        from tagship.domain import commands

        raise ServiceFailed(
            f"The output can't be written, and some of it is lost: {app.screen.lost}.",
            state=f"{getattr(result, 'announcement', '') or 'The command has ended'}.",
            remedy=f"Make room there; then look: {commands.status()}",
        )


def _data(result: Any) -> Any:
    if isinstance(result, list):
        return [_data(entry) for entry in result]
    if result is None:
        return None
    return result.as_data() if hasattr(result, "as_data") else asdict(result)


@contextmanager
def _announced(app: Wiring) -> Iterator[None]:
    """Leave an annotation in CI's run if the step fails."""
    # Whoever follows the run from outside reads its exit code there.
    app.ci.begin()
    try:
        yield
    except TagshipError as problem:
        if problem.evidence:
            app.ci.capture(problem.evidence)
        app.ci.advise(problem.remedy)
        app.ci.annotate(problem.exit_code, f"{problem.what.rstrip('.')}; {problem.state.rstrip('.')}")
        raise
    except KeyboardInterrupt:
        app.ci.annotate(Interrupted.exit_code, "Interrupted")
        raise


def _turned(flags: Sequence[Flag], values: Values) -> bool:
    """Run the task that a switch has become; false without one."""
    # It prints a warning, unless both names last.
    from tagship.tasks import ns

    for switch in flags:
        if switch.becomes and values[switch.attribute]:
            new: FlaggedTask = ns[switch.becomes]
            taken = [flag.attribute for flag in new.flags]
            _require_only(taken, switch, flags, values)
            if not switch.lasting:
                print(f"warning: --{switch.name} is a task of its own now: inv {switch.becomes}", file=sys.stderr)
            new.body(None, **{name: values[name] for name in taken if name in values})
            return True
    return False


def _require_only(taken: Sequence[str], switch: Flag, flags: Sequence[Flag], values: Values) -> None:
    given = [flag for flag in flags if values[flag.attribute] != flag.default and flag is not switch]
    for flag in given:
        if flag.attribute not in taken:
            raise UsageError(
                f"--{switch.name} is a task of its own{'' if switch.lasting else ' now'}, and takes no --{flag.name}.",
                remedy=f"See what it takes: inv {switch.becomes} --help",
            )
