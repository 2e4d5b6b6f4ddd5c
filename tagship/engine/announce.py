"""What a CI step says of itself, for whoever follows the run from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagship.domain.annotation import command
from tagship.errors import Interrupted, TagshipError
from tagship.ports.app import App


@contextmanager
def announced(app: App) -> Iterator[Callable[[str], None]]:
    """Under CI, print one workflow command: what the yielded function was told, or the error and its exit code."""
    told: list[str] = []
    try:
        yield told.append
    except TagshipError as problem:
        _say(app, problem.exit_code, f"{problem.what.rstrip('.')}; {problem.state.rstrip('.')}")
        raise
    except KeyboardInterrupt:
        _say(app, Interrupted.exit_code, "Interrupted")
        raise
    for message in told[:1]:
        _say(app, 0, message)


def _say(app: App, code: int, message: str) -> None:
    if os.environ.get("GITHUB_ACTIONS") or os.environ.get("CI"):
        app.screen.say(command(code, message))
