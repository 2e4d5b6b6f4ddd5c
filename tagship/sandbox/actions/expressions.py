"""GitHub Actions expressions: `github.ref == 'refs/heads/dev' && !cancelled()`. Pure.

https://docs.github.com/actions/reference/workflows-and-actions/expressions, held to GitHub's own test data
(tests/data/expressions). What GitHub refuses raises NotUnderstood, in GitHub's words; nothing evaluates to an empty
string by accident, except a property that is not there, which GitHub makes null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from tagship.sandbox.actions.expression_errors import ExpressionError, NotUnderstood
from tagship.sandbox.actions.expression_evaluator import Evaluator
from tagship.sandbox.actions.expression_functions import FUNCTIONS, Argument, Function
from tagship.sandbox.actions.expression_lexer import tokenize
from tagship.sandbox.actions.expression_parser import Arity, parse
from tagship.sandbox.actions.expression_values import Kind, as_text, is_primitive, kind_of, trimmed, truthy

__all__ = ("ExpressionError", "NotUnderstood", "Scope", "as_text", "condition", "evaluate", "render")

STATUS = ("success", "failure", "always", "cancelled")
OPENING, CLOSING = "${{", "}}"
# Not possessive (`*+`), which Python before 3.11.5 gets wrong. No two alternatives begin alike: it is linear as it is.
INSIDE = re.compile(r"(?:[^'}]|'[^']*'|\}(?!\}))*(?=\}\})")  # up to `}}`, but not one in a text


class Scope:
    """What an expression sees.

    Contexts by name, and how things stand (success, failure or cancelled). `functions`, by their names in lower case,
    come to those that every expression has.
    """

    def __init__(
        self, contexts: Mapping[str, Any], state: str = "success", functions: Mapping[str, Function] | None = None
    ) -> None:
        self.contexts = contexts
        self.state = state
        self.functions = FUNCTIONS | dict(functions or {})

    def status(self) -> dict[str, Function]:
        """Return the functions that only a condition has."""
        return {name: Function(partial(self._holds, name), Arity(0, 0)) for name in STATUS}

    def _holds(self, status: str, _: Sequence[Argument]) -> bool:
        return status in ("always", self.state)


def render(text: str, scope: Scope) -> str:
    """Put the values of its `${{ … }}` into a text."""
    # Raises NotUnderstood.
    plain, sources = _split(text)
    values = [_evaluate(source, scope, scope.functions) for source in sources]
    if len(values) == 1 and not any(plain) and not is_primitive(values[0]):
        kind = "mapping" if kind_of(values[0]) is Kind.OBJECT else "sequence"
        raise ExpressionError("evaluation", f"A {kind} was not expected: {text}")
    return "".join(part + as_text(value) for part, value in zip(plain, [*values, ""], strict=True))


def condition(text: str, scope: Scope) -> bool:
    """Judge an `if:`."""
    # One that asks for no status holds only while all is well.
    plain, sources = _split(text.strip())
    if sources and (len(sources) > 1 or any(plain)):
        raise NotUnderstood(f"`if: {text}` mixes text and ${{{{ }}}}, which is always true")
    source = sources[0] if sources else text
    value = truthy(evaluate(source, scope))
    return value if _asks_for_status(source) else value and scope.state == "success"


def evaluate(source: str, scope: Scope) -> Any:
    """Evaluate one expression; an empty one is null. Raises only ExpressionError."""
    return _value(source, scope, scope.functions | scope.status())


def _evaluate(source: str, scope: Scope, functions: Mapping[str, Function]) -> Any:
    if not source:
        raise ExpressionError("parsing", "An expression was expected")
    return _value(source, scope, functions)


def _value(source: str, scope: Scope, functions: Mapping[str, Function]) -> Any:
    contexts = {name.lower(): value for name, value in scope.contexts.items()}
    arities = {name: function.arity for name, function in functions.items()}
    try:
        node = parse(source, contexts, arities)
        return None if node is None else Evaluator(contexts, functions).value(node)
    except RecursionError as reason:
        raise ExpressionError("evaluation", f"A value is nested too deeply: {source}") from reason


def _asks_for_status(source: str) -> bool:
    return any(name.text.lower() in STATUS and after.text == "(" for name, after in pairwise(tokenize(source)))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Return a text's plain parts, and the expressions between them."""
    plain, sources, end = [], [], 0
    while (start := text.find(OPENING, end)) >= 0:
        inside = INSIDE.match(text, start + len(OPENING))
        if inside is None:
            raise ExpressionError("lexing", f"The expression is not closed: {text[start:]}")
        plain.append(text[end:start])
        sources.append(trimmed(inside[0]))
        end = inside.end() + len(CLOSING)
    return [*plain, text[end:]], sources
