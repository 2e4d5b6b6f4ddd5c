"""The package as syntax trees: what each file imports, says and names. No file is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TOP = Path(__file__).parents[3] / "tagship"


@dataclass(frozen=True)
class Import:
    """One name imported, dotted and whole. `late`: in a function's body. `typing`: for the type checker only."""

    file: str
    line: int
    module: str
    late: bool
    typing: bool

    @property
    def layer(self) -> str:
        return layer(self.file)

    @property
    def reaches(self) -> str:
        """The layer of tagship that it reaches into; empty for the package itself."""
        parts = self.module.split(".")
        return parts[1] if len(parts) > 1 and not parts[1].startswith("__") else ""

    @property
    def library(self) -> str:
        return self.module.split(".")[0]

    @property
    def where(self) -> str:
        return f"tagship/{self.file}:{self.line}: {self.module}"


def layer(file: str) -> str:
    """The layer of a file of the package; empty for the package itself, which is its version and nothing else."""
    first = file.split("/", maxsplit=1)[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


@dataclass(frozen=True)
class House:
    """A package under `top`; a test plants a breach in a small one of its own."""

    top: Path

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Path below `top` -> its syntax tree. Programs for other machines (hostbin, templates) are no part of it."""
        files = sorted(file for file in self.top.rglob("*.py") if not {"hostbin", "templates"} & set(file.parts))
        return {file.relative_to(self.top).as_posix(): ast.parse(file.read_text("utf-8")) for file in files}

    @cached_property
    def imports(self) -> list[Import]:
        return [one for file, tree in self.trees.items() for one in _imports(file, tree, late=False, typing=False)]

    @property
    def own(self) -> list[Import]:
        """Imports of the package's own modules."""
        return [one for one in self.imports if one.library == "tagship"]

    def calls(self, *layers: str) -> Iterator[tuple[str, ast.Call]]:
        for file, tree in self.trees.items():
            if layer(file) in layers:
                yield from ((file, node) for node in ast.walk(tree) if isinstance(node, ast.Call))

    def words(self, *layers: str) -> Iterator[tuple[str, int, str]]:
        """File, line and text of every identifier and every string of these layers, docstrings left out."""
        for file, tree in self.trees.items():
            if layer(file) in layers:
                yield from ((file, line, text) for line, text in _words(tree))


def _imports(file: str, node: ast.AST, *, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(file, child.lineno, name.name, late, typing) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno}: a relative import"
            yield from (Import(file, child.lineno, f"{child.module}.{name.name}", late, typing) for name in child.names)
        else:
            body = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            checked = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(file, child, late=late or body, typing=typing or checked)


def _words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.lineno, node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias):
            yield node.lineno, f"{node.name} {node.asname or ''}"


def house(top: Path, files: dict[str, str]) -> House:
    """A small package of these files: path below tagship/ -> source."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return House(top)
