"""tagship.toml, typed. Flag > environment variable > file > default; every error of a file at once, with its remedy.

A variable is TAGSHIP_ and the key's path in capitals: TAGSHIP_AWS_REGION, TAGSHIP_ENVIRONMENTS_DEV_PORT.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from tagship.errors import SettingsError

FILE = "tagship.toml"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Suffix = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9]{0,30})?$")]
Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Git(Section):
    """Where tags and branches are pushed."""

    remote: str = "origin"


class Aws(Section):
    """The account's region and the one bucket that holds artifacts, ledger and leases."""

    region: str = "us-east-1"
    bucket: Bucket
    profile: str = ""


class Signing(Section):
    """The key that signs manifests (a PEM file, or `kms:<key id or alias>`) and the public key that verifies them."""

    key: str
    public_key: str


class Ci(Section):
    """How a pushed tag's run is found and followed."""

    repository: str = ""  # owner/name; read off the remote's URL when empty
    appears_within: int = Field(default=60, ge=1)  # seconds
    timeout: int = Field(default=3600, ge=1)  # seconds
    green_before_tag: bool = False


class Bundle(Section):
    """What goes into the bundle beside deploy/: paths of the commit, and built paths that Git does not track."""

    include: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    level: int = Field(default=6, ge=1, le=9)  # gzip


class Health(Section):
    """How a version is known to serve: `attempts` requests, waiting min(2^(n-1), cap) seconds between them."""

    path: str = Field(default="/healthz", pattern=r"^/[A-Za-z0-9/_.\-]*$")
    version_key: str = Field(default="version", pattern=r"^[A-Za-z0-9_\-]+$")
    attempts: int = Field(default=15, ge=1, le=60)
    attempts_after_rollback: int = Field(default=5, ge=1, le=60)
    passes: int = Field(default=2, ge=1, le=10)
    timeout: int = Field(default=3, ge=1, le=60)  # seconds, each request
    cap: int = Field(default=60, ge=1, le=300)  # seconds, the longest wait
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")  # asked from outside by `verify`, where given


class Image(Section):
    """The container image, where the runtime is docker."""

    repository: str = ""
    dockerfile: str = "Dockerfile"
    context: str = "."


class Ec2(Section):
    """The hosts of an environment: EC2 tags that all must match."""

    tags: Mapping[str, str]
    document: str = "tagship-deploy"
    timeout: int = Field(default=900, ge=5, le=172_800)  # seconds that one action may run on a host


class Environment(Section):
    """One place that a version is deployed to."""

    branch: str = ""
    suffix: Suffix | None = None
    target: Literal["ec2"] = "ec2"
    runtime: Literal["process", "docker"] = "process"
    manager: Literal["process", "systemd"] = "process"
    command: tuple[str, ...] = ()
    port: Port = 8080
    keep: int = Field(default=3, ge=1, le=50)
    drain: int = Field(default=5, ge=0, le=600)  # seconds
    variables: Mapping[str, str] = Field(default_factory=dict)
    lease_ttl: int = Field(default=120, ge=10, le=3600)  # seconds
    health: Health = Health()
    image: Image = Image()
    ec2: Ec2 | None = None

    @model_validator(mode="after")
    def possible(self) -> Self:
        if self.target == "ec2" and self.ec2 is None:
            raise ValueError("target = \"ec2\" needs the hosts' tags: add a table `ec2` with `tags = { Name = \"…\" }`")
        if self.runtime == "process" and not self.command:
            raise ValueError('runtime = "process" needs `command`, the program to start: command = ["python3", "app.py"]')
        if self.runtime == "docker" and not self.image.repository:
            raise ValueError('runtime = "docker" needs `image.repository`, where images are pushed')
        return self


class Settings(Section):
    """All of tagship.toml."""

    app: Name
    sandbox: bool = False
    git: Git = Git()
    aws: Aws
    signing: Signing
    ci: Ci = Ci()
    bundle: Bundle = Bundle()
    environments: Annotated[Mapping[Name, Environment], Field(min_length=1)]

    @model_validator(mode="after")
    def channels_are_told_apart(self) -> Self:
        owners: dict[tuple[str, str], str] = {}
        for name in self.environments:
            owner = owners.setdefault((self.suffix(name), self.environments[name].branch), name)
            if owner != name:
                raise ValueError(f"environments {owner} and {name} have the same suffix and the same branch: change one")
        return self

    def suffix(self, environment: str) -> str:
        """The suffix of an environment's versions: its own setting, or its name."""
        suffix = self.environments[environment].suffix
        return environment if suffix is None else suffix

    def environment(self, name: str) -> Environment:
        """One environment; raises SettingsError naming the ones there are."""
        if name in self.environments:
            return self.environments[name]
        known = ", ".join(self.environments)
        near = difflib.get_close_matches(name, list(self.environments), 1)
        raise SettingsError(
            f"There is no environment {name!r} in {FILE}. There are: {known}.",
            remedy=f"Name one of them: --env {near[0] if near else next(iter(self.environments))}",
        )

    def environment_of(self, suffix: str) -> str:
        """The environment whose versions have `suffix`; raises SettingsError when none or several do."""
        owners = [name for name in self.environments if self.suffix(name) == suffix]
        if len(owners) == 1:
            return owners[0]
        what = f"belongs to {' and '.join(owners)}" if owners else "belongs to no environment"
        raise SettingsError(
            f"The suffix {suffix!r} {what} in {FILE}.",
            remedy=f"Name the environment: --env {(owners or list(self.environments))[0]}",
        )


def find(start: Path) -> Path:
    """The nearest tagship.toml, upwards from `start`; raises SettingsError where there is none."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise SettingsError(f"There is no {FILE} in {start} or above it.", remedy="Change to the repository that ships with tagship.")


def load(path: Path, variables: Mapping[str, str] | None = None) -> Settings:
    """Read and check a settings file; raises SettingsError with every error of it.

    `variables` is the process's environment unless a test gives another.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise SettingsError(f"{path} is not TOML: {reason}.", remedy=f"Mend it: {path}") from reason
    overlaid = _overlay(values, os.environ if variables is None else variables)
    try:
        return Settings.model_validate_json(TypeAdapter(dict[str, Any]).dump_json(values))
    except ValidationError as reason:
        lines = [_told(error, path, overlaid) for error in reason.errors(include_url=False)]
        count = "one error" if len(lines) == 1 else f"{len(lines)} errors"
        raise SettingsError(
            f"{path} has {count}:\n" + "\n".join(f"  - {line}" for line in lines),
            remedy=f"Mend {'it' if len(lines) == 1 else 'them'}; every key is explained in docs/tagship.sample.toml",
        ) from reason


def _overlay(values: dict[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """Write TAGSHIP_* variables over the file's values; returns which variable set which dotted key."""
    overlaid: dict[str, str] = {}
    for name, text in variables.items():
        place = _place(name, values)
        if place is None:
            continue
        table = values
        for key in place[:-1]:
            table = table.setdefault(key, {})
        try:
            table[place[-1]] = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            table[place[-1]] = text
        overlaid[".".join(place)] = name
    return overlaid


def _place(variable: str, values: Mapping[str, Any]) -> list[str] | None:
    """The path of keys that a TAGSHIP_ variable names, or None for a variable that names no key."""
    if not variable.startswith("TAGSHIP_"):
        return None
    rest, model, place = variable.removeprefix("TAGSHIP_").lower(), Settings, []
    while True:
        field = next((f for f in sorted(model.model_fields, key=len, reverse=True) if rest == f or rest.startswith(f + "_")), None)
        if field is None:
            return None
        place.append(field)
        rest = rest[len(field) + 1 :]
        if field == "environments":
            name = next((n for n in values.get("environments", {}) if rest.startswith(n.replace("-", "_") + "_")), None)
            if name is None:
                return None
            place.append(name)
            rest, model = rest[len(name) + 1 :], Environment
            continue
        inner = _SECTIONS.get((model.__name__, field))
        if inner is None:
            return place if not rest else None
        model = inner


_SECTIONS: dict[tuple[str, str], type[Section]] = {
    ("Settings", "git"): Git,
    ("Settings", "aws"): Aws,
    ("Settings", "signing"): Signing,
    ("Settings", "ci"): Ci,
    ("Settings", "bundle"): Bundle,
    ("Environment", "health"): Health,
    ("Environment", "image"): Image,
    ("Environment", "ec2"): Ec2,
}


def _told(error: Any, path: Path, overlaid: Mapping[str, str]) -> str:
    """One validation error as a sentence: where, what is wrong, and what to write instead."""
    place = [str(part) for part in error["loc"]]
    dotted = ".".join(place)
    where = f"{dotted} (from {overlaid[dotted]})" if dotted in overlaid else dotted or path.name
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _known(place[:-1]), 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(_known(place[:-1]))}"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}: missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message}"


def _known(place: list[str]) -> list[str]:
    """The keys that are known in the table at `place`."""
    model: type[Section] = Settings
    for part in place:
        if model is Settings and part == "environments":
            model = Environment
            continue
        model = _SECTIONS.get((model.__name__, part), model)
    return list(model.model_fields)
