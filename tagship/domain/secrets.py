"""Secrets of an environment's variables, by name and version. No value is known here, or anywhere but on a host.

A manifest says which variable is which version of which secret, and a host fetches exactly those versions: a rollback
has the values that its release had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

SSM, SECRETS_MANAGER = "ssm", "secretsmanager"

# What a host takes for a name, a version and a key: `references` in deploy/host/secrets.sh has the same patterns.
_VERSION_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{31,63}"
_REFS = {
    SSM: (r"/[A-Za-z0-9_./-]+", r"[0-9]{1,9}", ""),
    SECRETS_MANAGER: (r"[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]*", _VERSION_ID, r"([A-Za-z0-9_.-]+)?"),
}


@dataclass(frozen=True)
class SecretRef:
    """One version of one secret.

    `key` picks a value out of a secret that is a JSON object; empty: the whole of it.
    """

    store: str  # SSM | SECRETS_MANAGER
    name: str
    version: str  # a number | a version id
    key: str = ""

    def __post_init__(self) -> None:
        name, version, key = _REFS[self.store]
        for pattern, text in ((name, self.name), (version, self.version), (key, self.key)):
            if not re.fullmatch(pattern, text, re.ASCII):
                raise ValueError(f"{text!r} cannot be part of a secret's name or version")

    def __str__(self) -> str:
        return f"{self.name}{'#' if self.key else ''}{self.key}, version {self.version}"


@dataclass(frozen=True)
class Source:
    """Where a variable's value comes from, before choosing a version."""

    variable: str
    store: str
    name: str
    key: str = ""

    def at(self, version: str) -> SecretRef:
        return SecretRef(self.store, self.name, version, self.key)

    def __str__(self) -> str:
        return self.name + ("#" if self.key else "") + self.key


def of_parameter(path: str, name: str) -> Source:
    """Name a parameter's variable: /hello/dev/db/pass-word gives DB_PASS_WORD."""
    # The path here is /hello/dev/.
    below = name.removeprefix(path.rstrip("/") + "/")
    return Source(re.sub(r"[/.-]", "_", below).upper(), SSM, name)


def of_secret(variable: str, text: str) -> Source:
    """Read a secret of the settings: `hello/dev/db`, or `hello/dev/db#password`."""
    # The second is one key of a JSON object.
    name, _, key = text.partition("#")
    return Source(variable, SECRETS_MANAGER, name, key)


def problems(
    sources: list[Source], variables: Mapping[str, str], why_not_settable: Callable[[str], str]
) -> Iterator[str]:
    """Find an environment's variables that cannot be set, or twice."""
    taken = dict.fromkeys(variables, "`variables` of tagship.toml")
    for source in sources:
        problem = why_not_settable(source.variable)
        if problem:
            yield f"{source} would be the variable {source.variable}, which {problem}"
        elif source.variable in taken:
            yield f"{source} would be the variable {source.variable}, and so is {taken[source.variable]}"
        taken.setdefault(source.variable, str(source))
