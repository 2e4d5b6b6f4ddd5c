"""Secrets to practise with: put where the settings look for them, by hand or from the repository's .env.example."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tagship.domain import commands
from tagship.domain.secrets import SSM, Source, of_parameter, of_secret
from tagship.domain.text import either
from tagship.errors import UsageError
from tagship.settings import Environment, Settings

EXAMPLE = ".env.example"
PLACEHOLDER = "sandbox"  # for a name without a value: AWS keeps no empty secret
LIKELY = ("DB_PASSWORD", "API_TOKEN", "PRACTICE_SECRET")

Clients = Callable[[str], Any]


def put(settings: Settings, clients: Clients, name: str, value: str) -> list[str]:
    """Give a variable its secret value; return where it was put.

    Every environment that may have it gets it. Raises UsageError if no environment may, or if one has the variable
    from a parameter of another spelling.
    """
    places = _required_places(settings, name)
    _require_one_spelling(settings, clients, name)
    for place in dict.fromkeys(places):
        if place.store == SSM:
            given = {"Name": place.name, "Value": value, "Type": "SecureString"}
            clients("ssm").put_parameter(**given, Overwrite=True)
        else:
            _put_managed(clients("secretsmanager"), place, value)
    return sorted({str(place) for place in places})


def remove(settings: Settings, clients: Clients, name: str) -> list[str]:
    """Remove a variable's secret, however it is spelled; return where it was.

    Raises UsageError if there is none. A secret of Secrets Manager is deleted at once, and of one that is a JSON
    object the one key.
    """
    wanted = {str(place): place for place in _spellings(settings, clients, name)}
    wanted |= {str(place): place for place in _places(settings, name) if place.store != SSM}
    removed = [shown for shown, place in sorted(wanted.items()) if _removed(clients, place)]
    if not removed:
        raise UsageError(f"The sandbox has no secret {name}.", remedy=f"Put one: {_advised(settings, name)}")
    return removed


def bare_paths(settings: Settings, clients: Clients) -> list[str]:
    """List the paths of the settings that have no parameter."""
    # Nothing is published with one.
    return [path for path in _paths(settings) if not _parameters(clients, path)]


def require_value(settings: Settings, name: str, *, given: bool) -> None:
    """Raise UsageError for a name without a value."""
    _required_places(settings, name)
    remedy = f"Give it one: {_advised(settings, name)}"
    if not given:
        raise UsageError(f"{name} was given no value: a secret is NAME=value.", remedy=remedy)
    gone = commands.sandbox("secret", name, remove=True)
    raise UsageError(
        f"{name} was given an empty value, and AWS keeps none.", remedy=either(remedy, f"Or remove it: {gone}")
    )


def seed(settings: Settings, clients: Clients, root: Path) -> None:
    """Put in every secret of .env.example that an environment takes."""
    # A secret without a value there gets a placeholder.
    managed = {name for environment in settings.environments.values() for name in environment.secrets.secrets_manager}
    values = {name if name in managed else name.upper(): text for name, text in example(root / EXAMPLE).items()}
    for name in sorted(managed | set(values)):
        if _places(settings, name):
            put(settings, clients, name, values.get(name, "") or PLACEHOLDER)


def example(path: Path) -> Mapping[str, str]:
    """Read the NAME=value lines of a file; none without the file."""
    if not path.is_file():
        return {}
    lines = (line.strip().removeprefix("export ") for line in path.read_text("utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, value in pairs}


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value, comments=True))
    except ValueError:
        return value


def _required_places(settings: Settings, name: str) -> list[Source]:
    """Find where a variable's value is kept. Raises UsageError if nowhere."""
    places = _places(settings, name)
    if places:
        return places
    reasons = {_why_not(environment, name) for environment in settings.environments.values()} - {""}
    if not reasons:
        first = next(iter(settings.environments))
        raise UsageError(
            "No environment in tagship.toml has secrets.",
            remedy=f'Name a path for them: [environments.{first}.secrets] parameter_store = "/{settings.app}/{first}"',
        )
    raise UsageError(
        f"{name or 'An empty name'} cannot be a secret: it {' and '.join(sorted(reasons))}.",
        remedy=f"Use another name: {_advised(settings, name)}",
    )


def _advised(settings: Settings, name: str) -> str:
    """Spell a command that would be accepted."""
    # With that name, with it in capitals, or with another.
    managed = [
        variable for environment in settings.environments.values() for variable in environment.secrets.secrets_manager
    ]
    usable = (candidate for candidate in (name, name.upper(), *managed, *LIKELY) if _places(settings, candidate))
    return commands.sandbox("secret", f"{next(usable, LIKELY[0])}=hello")


def _places(settings: Settings, variable: str) -> list[Source]:
    """List the parameters and secrets that give environments a variable."""
    places = []
    for environment in settings.environments.values():
        chosen = environment.secrets
        if variable in chosen.secrets_manager:
            places.append(of_secret(variable, chosen.secrets_manager[variable]))
        elif chosen.parameter_store and not _why_not(environment, variable):
            path = chosen.parameter_store.rstrip("/")
            places.append(of_parameter(path, f"{path}/{variable}"))
    return places


def _why_not(environment: Environment, variable: str) -> str:
    """Say why no parameter can be the variable; empty if one can."""
    # Empty, too, if the environment has no path.
    if not environment.secrets.parameter_store:
        return ""
    if problem := environment.why_not_settable(variable):
        return problem
    if variable in environment.variables:
        return "has its value in `variables` of tagship.toml"
    return f"would be the variable {variable.upper()}" if variable != variable.upper() else ""


def _require_one_spelling(settings: Settings, clients: Clients, name: str) -> None:
    own = {place.name for place in _places(settings, name) if place.store == SSM}
    others = [place.name for place in _spellings(settings, clients, name) if place.name not in own]
    if own and others:
        raise UsageError(
            f"{' and '.join(others)} is the variable {name} already.",
            remedy=f"Remove it first: {commands.sandbox('secret', name, remove=True)}",
        )


def _spellings(settings: Settings, clients: Clients, name: str) -> list[Source]:
    """List every parameter in the sandbox that would be the variable."""
    wanted = of_parameter("/", f"/{name}").variable
    sources = [of_parameter(path, parameter) for path in _paths(settings) for parameter in _parameters(clients, path)]
    return [source for source in sources if source.variable == wanted]


def _paths(settings: Settings) -> list[str]:
    paths = {environment.secrets.parameter_store.rstrip("/") for environment in settings.environments.values()}
    return sorted(paths - {""})


def _parameters(clients: Clients, path: str) -> list[str]:
    below = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]
    pages = clients("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=below)
    return [entry["Name"] for page in pages for entry in page["Parameters"]]


def _removed(clients: Clients, place: Source) -> bool:
    """Remove a parameter, secret or key; return whether there was one."""
    if place.store == SSM:
        clients("ssm").delete_parameter(Name=place.name)
        return True
    client = clients("secretsmanager")
    try:
        values = json.loads(client.get_secret_value(SecretId=place.name)["SecretString"]) if place.key else {}
    except client.exceptions.ResourceNotFoundException:
        return False
    if not place.key:
        return _deleted(client, place.name)
    if place.key not in values:
        return False
    del values[place.key]
    client.put_secret_value(SecretId=place.name, SecretString=json.dumps(values))
    return True


def _deleted(client: Any, name: str) -> bool:
    try:
        client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    return True


def _put_managed(client: Any, place: Source, value: str) -> None:
    """Put a whole secret, or one key of its JSON object."""
    try:
        before = client.get_secret_value(SecretId=place.name)["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        before = ""
        client.create_secret(Name=place.name, SecretString="{}")
    text = json.dumps({**json.loads(before or "{}"), place.key: value}) if place.key else value
    client.put_secret_value(SecretId=place.name, SecretString=text)
