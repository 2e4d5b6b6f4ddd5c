"""What the AWS CLI takes, by botocore's models: its operations and options are named after theirs.

The commands that the CLI has beside the models are in CUSTOM, each with the options that a message may use
(https://docs.aws.amazon.com/cli/latest/reference/).
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

GLOBAL = frozenset({"region", "profile", "query", "output"})
CUSTOM = {
    ("s3", "cp"): frozenset[str](),
    ("s3", "rm"): frozenset[str](),
    ("s3", "mb"): frozenset[str](),
    ("s3", "ls"): frozenset({"recursive"}),
    ("sso", "login"): frozenset[str](),
    ("configure", "list-profiles"): frozenset[str](),
    ("ecr", "get-login-password"): frozenset[str](),
}
NAMED = re.compile(r"(?:^|[\s`\"'(])(aws [a-z][a-z0-9-]+ [a-z][a-z0-9-]+)")


MODELS = {"s3api": "s3"}  # services whose name in the CLI is another


@cache
def services() -> frozenset[str]:
    """Every service of the CLI."""
    return frozenset({*botocore.session.get_session().get_available_services(), *MODELS, *(name for name, _ in CUSTOM)})


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(MODELS.get(service, service))


@cache
def _waiters(service: str) -> frozenset[str]:
    session = botocore.session.get_session()
    rows = session.get_component("data_loader").load_service_model(service, "waiters-2")["waiters"]
    return frozenset(xform_name(name, "-") for name in rows)


def problems(command: str) -> list[str]:
    """What is wrong with the `aws` commands of a line; others beside them are left out."""
    steps = re.split(r" && |; ", command)
    return [problem for step in steps if step.startswith("aws ") for problem in _problems(shlex.split(step)[1:])]


def _problems(words: list[str]) -> Iterator[str]:
    service, operation, *rest = [*words, "", ""]
    options = {word[2:] for word in rest if word.startswith("--")} - GLOBAL
    if (service, operation) in CUSTOM:
        yield from (f"{service} {operation} has no option --{name}" for name in options - CUSTOM[service, operation])
        return
    try:
        model = _model(service)
    except UnknownServiceError:
        yield f"there is no service {service}"
        return
    if operation == "wait":
        if rest[0] not in _waiters(service):
            yield f"{service} has no waiter {rest[0]}"
        return
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        yield f"{service} has no operation {operation}"
        return
    shape = model.operation_model(names[operation]).input_shape
    members = shape.members if shape else {}
    known = {xform_name(name, "-"): name for name in members}
    for name in sorted(options):
        flag = name.removeprefix("no-")
        boolean = flag in known and members[known[flag]].type_name == "boolean"
        if name not in known and not boolean:
            yield f"{service} {operation} has no option --{name}"
    for name in sorted(shape.required_members if shape else ()):
        if xform_name(name, "-") not in options:
            yield f"{service} {operation} needs --{xform_name(name, '-')}"


def spelled(path: Path) -> list[str]:
    """Each `aws SERVICE OPERATION` that stands in a string of a Python file, or in a shell script; comments don't."""
    return [found for text in _texts(path) for found in NAMED.findall(text) if found.split()[1] in services()]


def _texts(path: Path) -> list[str]:
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if not NAMED.search(text):
        return []
    tree = ast.parse(text)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [node.value for node in constants if isinstance(node.value, str)]
