"""What a verb that only pushes does not pay for: laws of how the settings are written, which every verb reads first."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.unit.house.source import House, layer

# Modules of the domain that a file's settings need seldom: each has patterns and classes to make.
SELDOM = {"tagship.domain.bundle", "tagship.domain.image", "tagship.domain.infra_owned"}


def early_domain(house: House) -> list[str]:
    """What the settings import of the domain as they are imported, though few verbs need it."""
    early = [one for one in house.own if one.layer == "settings" and not one.late and not one.typing]
    return [one.where for one in early if one.module.rpartition(".")[0] in SELDOM]


def defaults_that_validate(house: House) -> list[str]:
    """Tables whose default is an instance: pydantic builds a validator for each, beside the one for the whole file."""
    return [
        f"{file}:{call.lineno}: {ast.unparse(given.value)}"
        for file, call in house.calls("settings")
        for given in call.keywords
        if given.arg == "default_factory" and ast.unparse(given.value)[:1].isupper()
        if not ast.unparse(given.value).endswith(".model_construct")
    ]


def annotations_as_text(house: House) -> list[str]:
    """Tables whose keys' types are texts: pydantic compiles every one of them again, in every run."""
    return [
        f"{file}: {name}"
        for file, tree in house.trees.items()
        if layer(file) == "settings" and _postpones(tree)
        for name in _tables(tree)
    ]


def _postpones(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def _tables(tree: ast.Module) -> Iterator[str]:
    """The classes with keys, other than what is said to the type checker alone and what is no key."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
            keys = [entry for entry in node.body if isinstance(entry, ast.AnnAssign)]
            if any(not _is_no_key(entry) for entry in keys):
                yield node.name


def _is_no_key(entry: ast.AnnAssign) -> bool:
    return ast.unparse(entry.annotation).startswith("ClassVar") or ast.unparse(entry.target).startswith("_")
