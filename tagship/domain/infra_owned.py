"""Who owns what of a Terraform resource: its configuration, or a deployment of tagship.

Terraform made the resource, and compares it with its configuration at each plan. Unless it ignores what a deployment
sets, its next apply takes back what was deployed. Each kind of target says what it sets (settings.kind.Kind.owned), and
docs/ownership.md has the blocks to copy; a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagship.domain.infra_plan import PlannedChange


@dataclass(frozen=True)
class Owned:
    """What a deployment sets of one type of resource.

    As `ignore_changes` names it.

    `always` has to be ignored. `given` only if the configuration sets it: otherwise the provider takes what is there.
    `scaled` is autoscaling's, if there is any: it belongs into the block, and a configuration without it may be right.
    """

    always: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    scaled: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.always, *self.given, *self.scaled)


Ownership = Mapping[str, Owned]
"""Type of resource -> what of it a deployment sets."""


@dataclass(frozen=True)
class Resource:
    """A resource of a configuration.

    `arguments` are the attributes that it sets itself; `ignored` what its lifecycle ignores; `all` ignores everything.
    """

    type: str
    name: str
    arguments: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


@dataclass(frozen=True)
class TerraformFiles:
    """The *.tf files of a directory, as a parser read them.

    `backend` is the type of its backend, empty without a block; `settings` are that block's arguments. `providers`:
    whether it configures one, as a module that others use does not. `unread` names files that could not be parsed, and
    `modules` those from elsewhere.
    """

    resources: Sequence[Resource] = ()
    backend: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    providers: bool = False
    unread: Sequence[str] = ()
    modules: Sequence[str] = ()


def unprotected(configuration: TerraformFiles, owned: Ownership) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    """Find resources that don't ignore what a deployment sets."""
    for resource in configuration.resources:
        of_type = owned.get(resource.type, Owned())
        wanted = [*of_type.always, *(path for path in of_type.given if _root(path) in resource.arguments)]
        missing = tuple(path for path in wanted if not {path, _root(path), "all"} & resource.ignored)
        if missing:
            yield resource, missing


def taken_back(changes: Sequence[PlannedChange], owned: Ownership) -> Iterator[tuple[PlannedChange, tuple[str, ...]]]:
    """Find changes of a plan to what a deployment, or autoscaling, sets."""
    for change in changes:
        roots = {_root(path) for path in owned.get(change.type, Owned()).paths}
        names = tuple(name for name in change.attributes if name in roots)
        if names and change.action == "update":
            yield change, names


def _root(path: str) -> str:
    """Name the attribute of a path: launch_template[0].version."""
    return path.partition("[")[0].partition(".")[0]


def block(names: Sequence[str]) -> str:
    """Write the block that has Terraform ignore attributes."""
    return f"lifecycle {{ ignore_changes = [{', '.join(names)}] }}"


LOCKING = frozenset({"azurerm", "cloud", "consul", "cos", "gcs", "kubernetes", "pg", "remote"})
"""Backends that lock a state by themselves (Terraform's documentation of its backends)."""


def lock_problem(configuration: TerraformFiles) -> str | None:
    """Say why two runs would not keep apart.

    Empty if they do, None if that is unknown.
    """
    backend, settings = configuration.backend, configuration.settings
    if backend in LOCKING:
        return ""
    if not backend and configuration.unread:
        return None
    if backend in {"", "local"}:
        return "the state is a file of one machine (backend: local): nobody else sees it, or its lock"
    if backend == "s3":
        return _s3_problem(settings)
    if backend == "http":
        return "" if settings.get("lock_address") else None
    return None


def _s3_problem(settings: Mapping[str, object]) -> str | None:
    locks = [settings.get(name) for name in ("use_lockfile", "dynamodb_table")]
    if locks[0] is True or (isinstance(locks[1], str) and locks[1]):
        return ""
    if "key" not in settings or any(isinstance(value, str) for value in locks):
        return None  # the rest comes by -backend-config, which may say it
    return "its s3 backend has neither use_lockfile nor dynamodb_table: two runs at once write one state"
