"""The value of an expression's tree. Pure.

`&&` and `||` give the operand that decided, and evaluate none after it. An index that meets nothing gives null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any

from tagship.sandbox.actions.expression_functions import Argument, Function
from tagship.sandbox.actions.expression_memory import Memory
from tagship.sandbox.actions.expression_parser import Call, Compared, Context, Index, Literal, Logical, Node, Not, Star
from tagship.sandbox.actions.expression_values import (
    CaseSensitive,
    FilteredArray,
    Kind,
    as_number,
    as_text,
    equal,
    folded,
    is_primitive,
    kind_of,
    less,
    truthy,
)

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    ">": lambda left, right: less(right, left),
    "<=": lambda left, right: equal(left, right) or less(left, right),
    ">=": lambda left, right: equal(left, right) or less(right, left),
}


class Evaluator:
    """Evaluates an expression; context and function names are in lower case."""

    def __init__(self, contexts: Mapping[str, Any], functions: Mapping[str, Function]) -> None:
        self.contexts, self.functions = contexts, functions
        self.memory = Memory()

    def value(self, node: Node, level: int = 0) -> Any:
        """Evaluate a node; raises ExpressionError."""
        value = self._value(node, level + 1)
        self.memory.hold(level, value)
        return value

    def _value(self, node: Node, below: int) -> Any:
        match node:
            case Literal(value):
                return value
            case Context(name):
                return self.contexts[name]
            case Index():
                return self._index(node, below)
            case Call():
                return self._call(node, below)
        return self._operation(node, below)

    def _operation(self, node: Node, below: int) -> Any:
        match node:
            case Not(operand):
                return not truthy(self.value(operand, below))
            case Logical():
                return self._logical(node, below)
            case Compared():
                return self._compared(node, below)
        raise TypeError(f"{node} has no value")

    def _call(self, node: Call, below: int) -> Any:
        arguments: Sequence[Argument] = [cache(partial(self.value, argument, below)) for argument in node.arguments]
        return self.functions[node.name].call(arguments)

    def _index(self, node: Index, below: int) -> Any:
        target = self.value(node.target, below)
        if isinstance(node.key, Star):
            return FilteredArray(chain.from_iterable(map(_items, target))) if _is_filtered(target) else _items(target)
        if is_primitive(target):
            return None
        key = self.value(node.key, below)
        if _is_filtered(target):
            return FilteredArray(chain.from_iterable(_matching(item, key) for item in target))
        return next(iter(_matching(target, key)), None)

    def _logical(self, node: Logical, below: int) -> Any:
        deciding = node.operator == "||"
        value = None
        for operand in node.operands:
            value = self.value(operand, below)
            if truthy(value) is deciding:
                break
        return value

    def _compared(self, node: Compared, below: int) -> Any:
        value = self.value(node.first, below)
        for operator, operand in node.rest:
            value = COMPARISONS[operator](value, self.value(operand, below))
        return value


def _is_filtered(value: Any) -> bool:
    return isinstance(value, FilteredArray)


def _items(target: Any) -> FilteredArray:
    """Return all that an object or an array holds, else nothing."""
    match kind_of(target):
        case Kind.OBJECT:
            return FilteredArray(target.values())
        case Kind.ARRAY:
            return FilteredArray(target)
    return FilteredArray()


def _matching(target: Any, key: Any) -> list[Any]:
    """Return the one item under a key, or none."""
    match kind_of(target):
        case Kind.OBJECT if is_primitive(key):
            return _member(target, as_text(key))
        case Kind.ARRAY:
            number = as_number(key)
            return [target[math.floor(number)]] if 0 <= number < len(target) else []
    return []


def _member(target: Mapping[str, Any], name: str) -> list[Any]:
    if name in target:
        return [target[name]]
    if isinstance(target, CaseSensitive):
        return []
    wanted = folded(name)
    return [value for key, value in target.items() if folded(str(key)) == wanted][:1]
