"""The tree of an expression, lowest precedence first: `||`, `&&`, `==`, `<`, `!`, then `.` and `[]`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tagship.sandbox.actions.expression_errors import ExpressionError, located
from tagship.sandbox.actions.expression_lexer import Token, TokenKind, tokenize

MAX_DEPTH = 50
PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4}
LOGICAL = (1, 2)


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Context:
    """A named value, such as `github`."""

    name: str


@dataclass(frozen=True)
class Star:
    """The `*` of `.*` and `[*]`."""


@dataclass(frozen=True)
class Index:
    """`target.key` and `target[key]`."""

    target: Node
    key: Node


@dataclass(frozen=True)
class Call:
    name: str  # in lower case
    arguments: Sequence[Node]


@dataclass(frozen=True)
class Not:
    operand: Node


@dataclass(frozen=True)
class Logical:
    """`a && b && c`, or the same with `||`."""

    operator: str
    operands: Sequence[Node]


@dataclass(frozen=True)
class Compared:
    """`first == b != c`, from left to right."""

    first: Node
    rest: Sequence[tuple[str, Node]]


Node = Literal | Context | Star | Index | Call | Not | Logical | Compared
INDEXED = (Context, Call, Index)


@dataclass(frozen=True)
class Arity:
    """How many arguments a function takes."""

    least: int
    most: int
    odd: bool = False


def parse(source: str, contexts: Collection[str], functions: Mapping[str, Arity]) -> Node | None:
    """Parse an expression; None if it is empty.

    `contexts` and the keys of `functions` are the names that it may use, in lower case. Raises ExpressionError.
    """
    return _Parser(source, contexts, functions).whole()


class _Parser:
    """Recursive descent, held to GitHub's depth."""

    # So no source exhausts Python's stack.
    def __init__(self, source: str, contexts: Collection[str], functions: Mapping[str, Arity]) -> None:
        self.source, self.contexts, self.functions = source, contexts, functions
        self.tokens = tokenize(source)
        self.at = 0
        self.depth = 0

    def whole(self) -> Node | None:
        if self._is_over():
            return None
        node = self._expression()
        if not self._is_over():
            raise self._unexpected()
        return node

    def _expression(self) -> Node:
        with self._deeper():
            return self._operation(1)

    def _operation(self, loosest: int) -> Node:
        """Parse operators that bind at least as tightly as `loosest`."""
        node = self._negation()
        while (precedence := self._precedence()) >= loosest:
            node = self._logical(node, precedence) if precedence in LOGICAL else self._compared(node, precedence)
        return node

    def _logical(self, first: Node, precedence: int) -> Node:
        operator, operands = self._next.text, [first]
        with self._deeper():
            while self._take(operator):
                operands.append(self._operation(precedence + 1))
        return Logical(operator, operands)

    def _compared(self, first: Node, precedence: int) -> Node:
        rest: list[tuple[str, Node]] = []
        while self._precedence() == precedence:
            operator = self._advance().text
            rest.append((operator, self._operation(precedence + 1)))
        return Compared(first, rest)

    def _precedence(self) -> int:
        """Return how tightly the next word joins its sides, or 0."""
        return PRECEDENCE.get(self._next.text, 0) if self._next.kind is TokenKind.SIGN else 0

    def _negation(self) -> Node:
        if not self._take("!"):
            return self._indexed()
        with self._deeper():
            return Not(self._negation())

    def _indexed(self) -> Node:
        """Parse a value and what follows: `.name`, `.*`, `[key]` or `[*]`."""
        grouped = self._is("(")
        node = self._value()
        if not (grouped or isinstance(node, INDEXED)):
            return node
        before = self.depth
        while opening := self._take(".", "["):
            key = self._property() if opening == "." else self._key()
            self._descend()
            node = Index(node, key)
        self.depth = before
        return node

    def _property(self) -> Node:
        if self._take("*"):
            return Star()
        if self._next.kind is not TokenKind.NAME:
            raise self._unexpected()
        return Literal(self._advance().text)

    def _key(self) -> Node:
        key = Star() if self._take("*") else self._expression()
        self._need("]")
        return key

    def _value(self) -> Node:
        if self._take("("):
            node = self._expression()
            self._need(")")
            return node
        if self._next.kind is TokenKind.LITERAL:
            return Literal(self._advance().value)
        if self._next.kind is not TokenKind.NAME:
            raise self._unexpected()
        name = self._advance()
        return self._call(name) if self._take("(") else self._context(name)

    def _context(self, name: Token) -> Node:
        if name.text.lower() not in self.contexts:
            raise self._error("Unrecognized named-value", name)
        return Context(name.text.lower())

    def _call(self, name: Token) -> Node:
        arguments: list[Node] = []
        if not self._take(")"):
            arguments.append(self._expression())
            while self._take(","):
                arguments.append(self._expression())
            self._need(")")
        self._check_arity(name, len(arguments))
        return Call(name.text.lower(), arguments)

    def _check_arity(self, name: Token, count: int) -> None:
        arity = self.functions.get(name.text.lower())
        if arity is None:
            raise self._error("Unrecognized function", name)
        if count < arity.least:
            raise self._error("Too few parameters supplied", name)
        if count > arity.most:
            raise self._error("Too many parameters supplied", name)
        if arity.odd and count % 2 == 0:
            raise self._error("Even number of parameters supplied, requires an odd number of parameters", name)

    @property
    def _next(self) -> Token:
        return self.tokens[self.at]

    def _is_over(self) -> bool:
        return self._next.kind is TokenKind.END

    def _advance(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _is(self, *signs: str) -> bool:
        return self._next.kind is TokenKind.SIGN and self._next.text in signs

    def _take(self, *signs: str) -> str:
        return self._advance().text if self._is(*signs) else ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unexpected()

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._descend()
        yield
        self.depth -= 1

    def _descend(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError("parsing", f"Exceeded max expression depth {MAX_DEPTH}")

    def _unexpected(self) -> ExpressionError:
        if self._is_over():
            return self._error("Unexpected end of expression", self.tokens[self.at - 1])
        return self._error("Unexpected symbol", self._next)

    def _error(self, problem: str, token: Token) -> ExpressionError:
        return located("parsing", problem, token.text, token.start, self.source)
