"""The import law: imports point one way, each library is imported in one layer, and what is slow is imported late.

    errors < domain < settings < ports < engine < {release, account} < verbs
    adapters stand beside; bootstrap and tasks on top

The sandbox stands beside: only bootstrap (for where it runs) and its own tasks know of it. Proved over syntax trees,
so that an import in a function's body counts too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2] / "tagship"

MAY_IMPORT = {
    "errors": set[str](),
    "domain": {"errors", "domain"},
    "settings": {"errors", "domain", "settings"},
    "ports": {"errors", "domain", "settings", "ports"},
    "engine": {"errors", "domain", "settings", "ports", "engine"},
    "release": {"errors", "domain", "settings", "ports", "engine", "release"},
    "account": {"errors", "domain", "settings", "ports", "engine", "account"},
    "verbs": {"errors", "domain", "settings", "ports", "engine", "release", "account"},
    "adapters": {"errors", "domain", "settings", "ports", "adapters"},
    "bootstrap": {"errors", "domain", "settings", "ports", "adapters"},
    "sandbox": {"errors", "domain", "settings", "ports", "sandbox"},
    "tasks": {"errors", "domain", "settings", "ports", "engine", "verbs", "bootstrap", "tasks"},
}
KNOW_THE_SANDBOX = {"bootstrap.py": "sandbox.state", "tasks/sandbox.py": "sandbox", "tasks/demo.py": "sandbox"}

# library → the layers that may import it
LIBRARIES = {
    "semver": {"domain"},
    "pydantic": {"settings"},
    "boto3": {"adapters", "sandbox"},
    "botocore": {"adapters", "sandbox"},
    "s3transfer": {"adapters"},
    "mypy_boto3_ec2": {"adapters"},
    "mypy_boto3_ecr": {"adapters"},
    "mypy_boto3_kms": {"adapters"},
    "mypy_boto3_s3": {"adapters"},
    "mypy_boto3_secretsmanager": {"adapters"},
    "mypy_boto3_ssm": {"adapters"},
    "git": {"adapters"},
    "questionary": {"adapters"},
    "prompt_toolkit": {"adapters"},
    "rich": {"adapters"},
    "github": {"adapters"},
    "requests": {"adapters"},
    "tenacity": {"adapters"},
    "cryptography": {"adapters", "sandbox"},
    "moto": {"sandbox"},
    "werkzeug": {"sandbox"},
    "flask": {"sandbox"},
    "yaml": {"sandbox"},
    "invoke": {"tasks"},
}
IN_ONE_ADAPTER = {"git", "questionary", "prompt_toolkit", "rich", "github", "cryptography"}
SLOW = {
    "boto3", "botocore", "s3transfer", "git", "questionary", "prompt_toolkit", "rich", "github", "requests",
    "cryptography", "tenacity", "moto", "werkzeug", "flask", "yaml",
}  # fmt: skip
IO = {
    "os", "io", "pathlib", "subprocess", "socket", "time", "random", "shutil", "tempfile", "logging",
    "urllib.request", "http.client", "http.server",
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One name imported, dotted and whole. `late`: in a function's body. `typing`: for the type checker only."""

    file: Path
    line: int
    module: str
    late: bool
    typing: bool

    @property
    def layer(self) -> str:
        return layer(self.file)

    @property
    def where(self) -> str:
        return f"tagship/{self.file.relative_to(TOP).as_posix()}:{self.line}: {self.module}"


def layer(file: Path) -> str:
    """The layer of a module of tagship; "" for the package itself, which is its version and nothing else."""
    first = file.relative_to(TOP).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, wherever it stands."""

    def walk(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(file, child.lineno, name.name, late, typing) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno}: a relative import"
                yield from (
                    Import(file, child.lineno, f"{child.module}.{name.name}", late, typing) for name in child.names
                )
            else:
                body = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                checked = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                yield from walk(child, late or body, typing or checked)

    yield from walk(ast.parse(file.read_text("utf-8")), late=False, typing=False)


FILES = sorted(file for file in TOP.rglob("*.py") if "hostbin" not in file.parts and "templates" not in file.parts)
ALL = [one for file in FILES for one in imports(file)]
OWN = [one for one in ALL if one.module.split(".")[0] == "tagship"]
FOREIGN = [one for one in ALL if one.module.split(".")[0] not in sys.stdlib_module_names | {"tagship"}]


def library(one: Import) -> str:
    return one.module.split(".")[0]


def own_layer(one: Import) -> str:
    """The layer that an import of tagship's own reaches into."""
    parts = one.module.split(".")
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__") else ""


def knows_the_sandbox(one: Import) -> bool:
    reach = KNOW_THE_SANDBOX.get(one.file.relative_to(TOP).as_posix())
    return reach is not None and f"{one.module}.".startswith(f"tagship.{reach}.")


def test_every_file_is_in_a_layer() -> None:
    assert {layer(file) for file in FILES} - {""} <= set(MAY_IMPORT)


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_imports_point_one_way(name: str) -> None:
    wrong = [
        one.where
        for one in OWN
        if one.layer == name
        and not one.typing
        and own_layer(one) not in MAY_IMPORT[name] | {""}
        and not knows_the_sandbox(one)
    ]
    assert not wrong


def test_types_point_one_way_too_but_for_the_app_and_the_sandbox() -> None:
    wrong = [
        one.where
        for one in OWN
        if one.typing and own_layer(one) not in MAY_IMPORT[one.layer] | {""} and not knows_the_sandbox(one)
    ]
    assert not wrong


def test_a_library_is_imported_in_its_own_layer_only() -> None:
    assert not [one.where for one in FOREIGN if one.layer not in LIBRARIES.get(library(one), set())]


@pytest.mark.parametrize("name", sorted(IN_ONE_ADAPTER))
def test_an_adapter_has_its_library_to_itself(name: str) -> None:
    assert len({one.file for one in FOREIGN if library(one) == name and one.layer == "adapters"}) <= 1


def test_what_is_slow_is_imported_late() -> None:
    early = [one for one in FOREIGN if library(one) in SLOW and not one.late and not one.typing]
    assert not [one.where for one in early if one.layer != "sandbox"]


def test_tasks_and_bootstrap_import_late_what_they_use() -> None:
    cheap = {"errors", "tasks", "settings", "ports", ""}
    early = [one for one in OWN if one.layer in {"tasks", "bootstrap"} and not one.late and not one.typing]
    assert not [one.where for one in early if own_layer(one) not in cheap]
    assert not [one.where for one in early if one.layer == "tasks" and own_layer(one) in {"settings", "ports"}]


def test_the_domain_does_no_io() -> None:
    does = [one for one in ALL if one.layer == "domain" and any(f"{one.module}.".startswith(f"{name}.") for name in IO)]
    assert not [one.where for one in does]


def test_the_domain_is_told_what_time_it_is() -> None:
    asked = [
        f"{file.name}:{node.lineno}"
        for file in FILES
        if layer(file) == "domain"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".now", ".utcnow", ".today"))
    ]
    assert not asked


def test_only_errors_and_tasks_end_the_process() -> None:
    ended = [
        f"{file.relative_to(TOP)}:{node.lineno}"
        for file in FILES
        if layer(file)
        in {"domain", "settings", "ports", "engine", "release", "account", "verbs", "adapters", "bootstrap"}
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sys.exit", "exit", "os._exit", "SystemExit"}
    ]
    assert not ended
