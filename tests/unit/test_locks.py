"""Two locks: what running takes, and what development takes as well. What both have is the same, to the hash."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = TOP / "constraints-runtime.txt", TOP / "constraints.txt"
BESIDE = ("sandbox",)  # of the package: an extra has its dependencies
EXTRA = {"attestations.py": "sigstore", "terraform_files.py": "python-hcl2"}  # adapters, and what an extra brings them
DISTRIBUTIONS = packages_distributions()


def pinned(lock: Path) -> dict[str, list[str]]:
    """Each requirement of a lock, with its marker, and its hashes."""
    lines = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    return {line.split(" --hash")[0].strip(): sorted(re.findall(r"--hash=(\S+)", line)) for line in lines}


def names(lock: Path) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in pinned(lock)}


def required(package: str) -> Iterator[str]:
    """What a package needs on this Python and system, without its extras, and what that needs."""
    for line in requires(package) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
            yield from required(requirement.name)


def imported(file: Path) -> set[str]:
    """The distributions that a file imports from, at its top or later."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    roots = {module.split(".")[0] for module in modules} - {"tagship", "", *sys.stdlib_module_names}
    return {canonicalize_name(name) for root in roots for name in DISTRIBUTIONS.get(root, [root])}


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_a_lock_has_one_version_and_its_hashes_for_each_package(lock: Path) -> None:
    assert pinned(lock)
    for line, hashes in pinned(lock).items():
        assert re.match(r"[a-z0-9-]+==[^\s;]+( ; .+)?$", line), line
        assert hashes, line
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), line


def test_what_both_locks_have_is_the_same() -> None:
    development = pinned(DEVELOPMENT)
    assert {line: hashes for line, hashes in pinned(RUNTIME).items() if development.get(line) != hashes} == {}


def test_the_runtime_lock_is_what_the_package_needs_and_no_more() -> None:
    needed = set(required("tagship"))
    assert needed <= names(RUNTIME)
    elsewhere = names(RUNTIME) - needed  # a marker of another Python or system: cffi on PyPy is the only one today
    marked = {canonicalize_name(Requirement(line).name) for line in pinned(RUNTIME) if Requirement(line).marker}
    assert elsewhere <= marked
    assert not {"pytest", "moto", "mypy", "nox", "ruff"} & names(RUNTIME)


def test_nothing_outside_the_sandbox_imports_what_the_runtime_lock_lacks() -> None:
    files = [file for file in (TOP / "tagship").rglob("*.py") if not set(BESIDE) & set(file.parts)]
    locked = names(RUNTIME)
    lacking = {(file.name, name) for file in files for name in imported(file) - locked}
    stubs = {entry for entry in lacking if entry[1].startswith("mypy-boto3")}  # imported under TYPE_CHECKING
    assert lacking - stubs == set(EXTRA.items())
