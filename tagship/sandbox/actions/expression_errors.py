"""How an expression, or a workflow file around it, can be wrong."""

from __future__ import annotations

from typing import Literal

Phase = Literal["lexing", "parsing", "evaluation"]


class NotUnderstood(Exception):
    """A part of a workflow file that the sandbox does not know."""


class ExpressionError(NotUnderstood):
    """An expression that GitHub refuses too, in GitHub's words.

    `phase` says what it was doing.
    """

    def __init__(self, phase: Phase, message: str) -> None:
        super().__init__(message)
        self.phase = phase


def located(phase: Phase, problem: str, lexeme: str, start: int, source: str) -> ExpressionError:
    """Make an error that names its place."""
    # GitHub counts from 1, in UTF-16 code units.
    position = utf16_length(source[:start]) + 1
    message = f"{problem}: '{lexeme}'. Located at position {position} within expression: {source}"
    return ExpressionError(phase, message)


def utf16_length(text: str) -> int:
    """Count the UTF-16 code units of a text, as GitHub measures it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
