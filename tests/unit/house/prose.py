"""The laws of DESIGN's prose: docstrings in the imperative, and names that say what they hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.house.source import House

VAGUE = frozenset({"one", "found", "there", "told", "it", "what", "each", "here", "said", "kept", "some"})
LONGEST = 12  # words of a docstring's first line
# How a docstring begins that describes instead of commanding.
OPENERS = frozenset({
    "a", "all", "an", "any", "as", "at", "both", "by", "each", "every", "everything", "from", "he", "her", "how", "it",
    "its", "no", "nobody", "none", "nothing", "of", "one", "over", "past", "she", "still", "that", "the", "their",
    "this", "those", "two", "what", "when", "where", "whether", "which", "who", "why", "with", "without",
})  # fmt: skip
VERBS_IN_ING = frozenset({"Bring", "Ring"})

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def vague_names(house: House) -> list[str]:
    """Find variables and parameters that do not say what they hold. A record's fields are its schema's."""
    return [f"{file}:{node.lineno}: {name}" for file, node, name in _bound(house) if name in VAGUE]


def _bound(house: House) -> Iterator[tuple[str, ast.Name | ast.arg, str]]:
    for file, tree in house.trees.items():
        fields = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)} - {
            id(node.target) for node in _annotated_in_functions(tree)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                yield file, node, node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
                yield file, node, node.id


def _annotated_in_functions(tree: ast.Module) -> Iterator[ast.AnnAssign]:
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from (node for node in ast.walk(function) if isinstance(node, ast.AnnAssign))


def descriptions(house: House) -> list[str]:
    """Find functions whose docstring does not begin with a verb in the imperative."""
    return [
        f"{file}:{node.lineno} {node.name}: {line}"
        for file, node, line in _first_lines(house)
        if not isinstance(node, ast.ClassDef) and not _commands(line)
    ]


def _commands(line: str) -> bool:
    word = re.split(r"[ ,.;:]", line, maxsplit=1)[0]
    if not re.fullmatch(r"[A-Z][a-z]+", word) or word.lower() in OPENERS:
        return False
    third_person = word.endswith("s") and not word.endswith("ss")
    return not third_person and (not word.endswith("ing") or word in VERBS_IN_ING)


def long_first_lines(house: House) -> list[str]:
    """Find functions and classes whose docstring's first line has too many words."""
    return [
        f"{file}:{node.lineno} {node.name}: {line}"
        for file, node, line in _first_lines(house)
        if len(line.split()) > LONGEST
    ]


def _first_lines(house: House) -> Iterator[tuple[str, Documented, str]]:
    for file, tree in house.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                yield file, node, text.split("\n", maxsplit=1)[0]
