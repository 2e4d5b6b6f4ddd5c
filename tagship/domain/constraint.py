"""Terraform's version constraints, such as `>= 1.10, < 2` and `~> 1.9.8`.

https://developer.hashicorp.com/terraform/language/expressions/version-constraints
"""

from __future__ import annotations

import re

_PART = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*v?(\d+(?:\.\d+){0,2})\Z")

Numbers = tuple[int, ...]


def allows(constraint: str, version: str) -> bool:
    """Tell whether a constraint allows a version of numbers.

    A part that can't be read, such as a pre-release, forbids nothing: Terraform itself will judge it.
    """
    numbers = _padded(_numbers(version))
    matches = [_PART.match(part.strip()) for part in constraint.split(",")]
    return all(_holds(match[1] or "=", _numbers(match[2]), numbers) for match in matches if match)


def _numbers(text: str) -> Numbers:
    return tuple(int(number) for number in text.split("."))


def _padded(numbers: Numbers) -> Numbers:
    return (*numbers, 0, 0)[:3]


def _holds(operator: str, wanted: Numbers, version: Numbers) -> bool:
    full = _padded(wanted)
    if operator == "~>":  # only the last number that is given may rise
        return version >= full and version[: len(wanted) - 1] == wanted[:-1]
    holds = {
        "=": version == full,
        "!=": version != full,
        ">": version > full,
        ">=": version >= full,
        "<": version < full,
        "<=": version <= full,
    }
    return holds[operator]
