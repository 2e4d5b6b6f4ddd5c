"""What functions are asked with, and expressions of JMESPath over what they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.domain.lambda_.answer import SHOWN, VERSION, opened
from tagship.errors import Refused
from tagship.settings.lambda_ import Function


def events(functions: Mapping[str, Function], root: Path) -> Mapping[str, str]:
    """Read each function's event, check its expression. Raises Refused."""
    for name, function in functions.items():
        _check(name, function.health.expression)
    return {name: _event(name, function, root) for name, function in functions.items()}


def _event(name: str, function: Function, root: Path) -> str:
    if not function.health.event:
        return function.health.payload
    path = root / function.health.event
    try:
        text = path.read_text("utf-8")
        json.loads(text)
    except OSError as reason:
        problem = f"can't be read: {reason.strerror}"
    except ValueError:
        problem = "is not JSON"
    else:
        return text
    raise Refused(
        f"{function.health.event}, the event that {name} is asked with, {problem}.",
        remedy=f"Mend that file of the repository, or name another: lambda.functions.{name}.health.event",
    )


def _check(name: str, expression: str) -> None:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(expression) if expression else None
    except JMESPathError as reason:
        first = str(reason).splitlines()[0]
        raise Refused(
            f"lambda.functions.{name}.health.expression isn't JMESPath: {first}",
            remedy="Correct it in tagship.toml: https://jmespath.org/tutorial.html",
        ) from reason


def why_untrue(payload: bytes, expression: str, version: str) -> str:
    """Say why an expression isn't true; empty if it is."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        answer: Any = opened(json.loads(payload or b"null"))
        value = jmespath.search(expression.replace(VERSION, version), answer)
    except ValueError as reason:  # JMESPathError is one too
        if isinstance(reason, JMESPathError):
            return f"{expression} fails on its answer: {str(reason).splitlines()[0]}"
        return "it answered with something that is not JSON"
    return "" if value is True else f"of its answer, {expression} is {json.dumps(value)[:SHOWN]}, not true"
