"""A directory's *.tf files by python-hcl2: what its resources set and ignore, and where its state is.

The parser is an extra, `tagship[terraform]`: whoever only deploys does without. An expression is its text, never its
value: what a variable decides is not known here. A module from elsewhere is not fetched, and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagship.domain.infra_owned import Resource, TerraformFiles

OURS = frozenset({".terraform", ".tagship", ".git", "node_modules"})
EXPRESSION = re.compile(r"\$\{(.*)\}", re.DOTALL)
OF_THE_PARSER = "__"  # keys such as __is_block__


def configuration(directory: Path) -> TerraformFiles | None:
    """Read a directory and the folders below it; None without the parser."""
    try:
        import hcl2
    except ImportError:
        return None
    resources: list[Resource] = []
    backend, settings, providers = "", dict[str, object](), False
    unread, modules = list[str](), list[str]()
    for file in _files(directory):
        try:
            body: Mapping[str, Any] = hcl2.loads(file.read_text("utf-8"))
            resources += _resources(body)
            if file.parent == directory:
                for kind, arguments in _backends(body):
                    backend, settings = kind, arguments
                providers = providers or bool(body.get("provider"))
            modules += _modules(body)
        except Exception:  # whatever a parser says of a file: it is unread, and that is said
            unread.append(str(file.relative_to(directory)))
    return TerraformFiles(resources, backend, settings, providers, unread, modules)


def _files(directory: Path) -> Iterator[Path]:
    for file in sorted(directory.rglob("*.tf")):
        if file.is_file() and not OURS & set(file.relative_to(directory).parts):
            yield file


def _resources(body: Mapping[str, Any]) -> Iterator[Resource]:
    for of_type in body.get("resource", ()):
        for kind, named in _blocks(of_type):
            for name, arguments in _blocks(named):
                yield Resource(kind, name, frozenset(_keys(arguments)), frozenset(_ignored(arguments)))


def _ignored(arguments: Mapping[str, Any]) -> Iterator[str]:
    for lifecycle in arguments.get("lifecycle", ()):
        ignored = lifecycle.get("ignore_changes", ())
        yield from (_plain(path) for path in ([ignored] if isinstance(ignored, str) else ignored))


def _backends(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    for terraform in body.get("terraform", ()):
        for backend in terraform.get("backend", ()):
            for kind, arguments in _blocks(backend):
                yield kind, {name: _value(arguments[name]) for name in _keys(arguments)}
        if terraform.get("cloud"):
            yield "cloud", {}


def _modules(body: Mapping[str, Any]) -> Iterator[str]:
    """Name modules whose files are not below the directory."""
    for module in body.get("module", ()):
        for name, arguments in _blocks(module):
            if not str(_value(arguments.get("source", ""))).startswith("./"):
                yield f"module.{name}"


def _blocks(value: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for label in _keys(value):
        yield label.strip('"'), value[label]


def _keys(value: Mapping[str, Any]) -> Sequence[str]:
    return [name for name in value if not name.startswith(OF_THE_PARSER)]


def _value(value: object) -> object:
    """Take the quotes off a text; an expression keeps its braces."""
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def _plain(path: object) -> str:
    """Write a path as Terraform has it: launch_template[0].version."""
    text = str(_value(path))
    match = EXPRESSION.fullmatch(text)
    return match[1] if match else text
