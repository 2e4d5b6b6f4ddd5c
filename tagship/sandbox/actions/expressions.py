"""GitHub Actions expressions: `github.ref == 'refs/heads/dev' && !cancelled()`. Pure.

https://docs.github.com/actions/reference/evaluate-expressions-in-workflows-and-actions: the part that a release
workflow uses. What is not understood raises NotUnderstood; nothing evaluates to an empty string by accident, except
a property that is not there, which GitHub makes null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

CONTEXTS = frozenset({"github", "env", "needs", "steps", "job", "vars", "secrets", "runner", "inputs"})
STATUS = frozenset({"success", "failure", "always", "cancelled"})

TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?))|'(?P<text>(?:[^']|'')*)'|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[!<>()\[\],.*]))"
)
EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.S)


class NotUnderstood(Exception):
    """An expression, or a part of a workflow file, that the sandbox does not know."""


class Scope:
    """What an expression sees: contexts by name, and how things stand (success, failure or cancelled)."""

    def __init__(self, contexts: Mapping[str, Any], state: str = "success") -> None:
        self.contexts = contexts
        self.state = state

    def value(self, name: str) -> Any:
        if name not in CONTEXTS:
            raise NotUnderstood(f"the context {name!r} is not simulated")
        return self.contexts.get(name, {})

    def call(self, name: str, given: list[Any]) -> Any:
        if name in STATUS:
            return name in ("always", self.state)
        known = _FUNCTIONS.get(name.lower())
        if known is None:
            raise NotUnderstood(f"the function {name}() is not simulated")
        return known(*given)


def render(text: str, scope: Scope) -> str:
    """Text with its `${{ … }}` evaluated."""
    return EMBEDDED.sub(lambda found: as_text(evaluate(found[1], scope)), text)


def condition(text: str, scope: Scope) -> bool:
    """An `if:`. One that asks for no status holds only while all is well."""
    inner = EMBEDDED.fullmatch(text.strip())
    source = inner[1] if inner else text
    if EMBEDDED.search(source):
        raise NotUnderstood(f"`if: {text}` mixes text and ${{{{ }}}}, which is always true")
    called = {token for kind, token in _tokens(source) if kind == "name"} & STATUS
    value = _truth(evaluate(source, scope))
    return value if called else value and scope.state == "success"


def evaluate(source: str, scope: Scope) -> Any:
    """The value of one expression."""
    reader = _Reader(_tokens(source), scope, source)
    value = reader.either()
    if reader.at < len(reader.tokens):
        raise NotUnderstood(f"cannot read {source.strip()!r} from {reader.tokens[reader.at][1]!r} on")
    return value


def as_text(value: Any) -> str:
    """A value as GitHub writes it into text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case dict() | list():
            return json.dumps(value, indent=2)
    return str(value)


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(source.rstrip())
    while at < end:
        found = TOKEN.match(source, at)
        if not found or not found.lastgroup:
            raise NotUnderstood(f"cannot read {source.strip()!r} from {source[at:].strip()!r} on")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


class _Reader:
    """Recursive descent; lowest precedence first."""

    def __init__(self, tokens: list[tuple[str, str]], scope: Scope, source: str) -> None:
        self.tokens, self.scope, self.source = tokens, scope, source
        self.at = 0

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            right = self.both()
            value = value if _truth(value) else right
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            right = self.compared()
            value = right if _truth(value) else value
        return value

    def compared(self) -> Any:
        value = self.negated()
        while True:
            if self.take("=="):
                value = _equal(value, self.negated())
            elif self.take("!="):
                value = not _equal(value, self.negated())
            else:
                return value

    def negated(self) -> Any:
        if self.take("!"):
            return not _truth(self.negated())
        return self.reached(self.primary())

    def reached(self, value: Any) -> Any:
        """`.name` and `['name']` after a value."""
        while True:
            if self.take("."):
                value = _member(value, self.next("name", "a name"))
            elif self.take("["):
                value = _member(value, as_text(self.either()))
                self.need("]")
            else:
                return value

    def primary(self) -> Any:
        if self.take("("):
            value = self.either()
            self.need(")")
            return value
        if self.at >= len(self.tokens):
            raise NotUnderstood(f"{self.source.strip()!r} ends too early")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return token.replace("''", "'")
        if kind == "number":
            return float(int(token, 16) if "0x" in token else token)
        if kind == "name":
            return self.named(token)
        raise NotUnderstood(f"cannot read {self.source.strip()!r} at {token!r}")

    def named(self, name: str) -> Any:
        if name in _WORDS:
            return _WORDS[name]
        if not self.take("("):
            return self.scope.value(name)
        given: list[Any] = []
        while not self.take(")"):
            if given:
                self.need(",")
            given.append(self.either())
        return self.scope.call(name, given)

    def take(self, sign: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == ("sign", sign):
            self.at += 1
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise NotUnderstood(f"{self.source.strip()!r} lacks a {sign!r}")

    def next(self, kind: str, what: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != kind:
            raise NotUnderstood(f"{self.source.strip()!r} lacks {what}")
        self.at += 1
        return self.tokens[self.at - 1][1]


_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


def _member(value: Any, name: str) -> Any:
    """A property; null where there is none, as on GitHub. Names are compared without case."""
    if not isinstance(value, Mapping):
        return None
    if name in value:
        return value[name]
    return next((inner for key, inner in value.items() if str(key).lower() == name.lower()), None)


def _truth(value: Any) -> bool:
    return value not in (None, False, 0, "")


def _number(value: Any) -> float:
    """How GitHub reads a value as a number when two kinds are compared."""
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _equal(left: Any, right: Any) -> bool:
    """Loose equality: texts without case, different kinds as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


def _format(template: str, *values: Any) -> str:
    def put(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if int(found[1]) >= len(values):
            raise NotUnderstood(f"format({template!r}) lacks a value {found[0]}")
        return as_text(values[int(found[1])])

    return re.sub(r"\{\{|\}\}|\{(\d+)\}", put, template)


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_equal(each, what) for each in where)
    return as_text(what).lower() in as_text(where).lower()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "startswith": lambda text, start: as_text(text).lower().startswith(as_text(start).lower()),
    "endswith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "contains": _contains,
    "format": _format,
}
