"""The words of an expression. Pure.

GitHub reads all words before it parses any: a character that cannot be read is the first error of an expression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tagship.sandbox.actions.expression_errors import ExpressionError, located, utf16_length
from tagship.sandbox.actions.expression_values import is_space, parse_number

MAX_LENGTH = 21_000  # UTF-16 code units
OPERATORS = ("==", "!=", "<=", ">=", "&&", "||", "!", "<", ">", "(", ")", "[", "]", ",", "*")  # the longest first
BOUNDARIES = frozenset("()[],.!<>=&|")
WORDS = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf}
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
DIGITS = frozenset("0123456789")


class TokenKind(Enum):
    """What a word is to the parser."""

    SIGN = auto()  # an operator or a bracket: its text says which
    LITERAL = auto()
    NAME = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """One word: its spelling, where it starts, and a literal's value."""

    kind: TokenKind
    text: str
    start: int
    value: Any = None


def tokenize(source: str) -> list[Token]:
    """Read all words of an expression, and an end. Raises ExpressionError."""
    if utf16_length(source) > MAX_LENGTH:
        raise ExpressionError("parsing", f"Exceeded max expression length {MAX_LENGTH}")
    return _Lexer(source).tokens()


class _Lexer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.read: list[Token] = []

    def tokens(self) -> list[Token]:
        while self.at < len(self.source):
            if is_space(self.source[self.at]):
                self.at += 1
            else:
                self.read.append(self._token())
        return [*self.read, Token(TokenKind.END, "", self.at)]

    def _token(self) -> Token:
        first = self.source[self.at]
        if first == ".":
            return self._sign(".") if self._follows_a_value() else self._number()
        if first == "'":
            return self._text()
        if first in "+-" or first in DIGITS:
            return self._number()
        for operator in OPERATORS:
            if self.source.startswith(operator, self.at):
                return self._sign(operator)
        return self._word()

    def _follows_a_value(self) -> bool:
        """Tell whether a point asks for a property."""
        # If not, a number starts with it.
        if not self.read:
            return False
        last = self.read[-1]
        return last.kind is TokenKind.NAME or (last.kind is TokenKind.SIGN and last.text in (")", "]", "*"))

    def _sign(self, text: str) -> Token:
        return Token(TokenKind.SIGN, text, self._past(self.at + len(text)))

    def _number(self) -> Token:
        text = self._lexeme(points=True)
        value = parse_number(text)
        if math.isnan(value):
            raise self._unexpected(text)
        return Token(TokenKind.LITERAL, text, self._past(self.at + len(text)), value)

    def _word(self) -> Token:
        text = self._lexeme(points=False)
        if text[0] not in LETTERS or not all(letter in LETTERS or letter in DIGITS or letter == "-" for letter in text):
            raise self._unexpected(text)
        is_property = bool(self.read) and self.read[-1].text == "." and self.read[-1].kind is TokenKind.SIGN
        start = self._past(self.at + len(text))
        if text in WORDS and not is_property:
            return Token(TokenKind.LITERAL, text, start, WORDS[text])
        return Token(TokenKind.NAME, text, start)

    def _text(self) -> Token:
        """Read a text in single quotes; two of them stand for one."""
        end = self.at + 1
        while (end := self.source.find("'", end)) >= 0 and self.source.startswith("''", end):
            end += 2
        if end < 0:
            raise self._unexpected(self.source[self.at :])
        value = self.source[self.at + 1 : end].replace("''", "'")
        return Token(TokenKind.LITERAL, value, self._past(end + 1), value)

    def _lexeme(self, *, points: bool) -> str:
        """Return all up to the next boundary."""
        # The first character counts, whatever it is.
        end = self.at + 1
        while end < len(self.source) and not self._is_boundary(self.source[end], points=points):
            end += 1
        return self.source[self.at : end]

    @staticmethod
    def _is_boundary(character: str, *, points: bool) -> bool:
        if character == ".":
            return not points
        return character in BOUNDARIES or is_space(character)

    def _past(self, end: int) -> int:
        """Go on behind a word; return where it started."""
        start, self.at = self.at, end
        return start

    def _unexpected(self, lexeme: str) -> ExpressionError:
        return located("lexing", "Unexpected symbol", lexeme, self.at, self.source)
