"""Secrets to practise with: put where the settings look for them, by hand or from the repository's .env.example."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tagship.domain.secrets import Source, of_secret
from tagship.errors import UsageError
from tagship.settings import Environment, Settings

EXAMPLE = ".env.example"
PLACEHOLDER = "sandbox"  # for a name without a value: AWS keeps no empty secret

Clients = Callable[[str], Any]


def put(settings: Settings, clients: Clients, name: str, value: str) -> list[str]:
    """Give a variable its secret value; return where it was put.

    Every environment that has secrets gets it. Raises UsageError if no environment's settings have secrets, or if none
    could have that variable.
    """
    places = [place for environment in settings.environments.values() for place in _places(environment, name)]
    if not places:
        raise UsageError(
            f"No environment in tagship.toml takes {name} from a secret.",
            remedy='Name a path for them: [environments.dev.secrets] parameter_store = "/hello/dev"',
        )
    for place in dict.fromkeys(places):
        if isinstance(place, str):
            given = {"Name": place, "Value": value or PLACEHOLDER, "Type": "SecureString"}
            clients("ssm").put_parameter(**given, Overwrite=True)
        else:
            _put_managed(clients("secretsmanager"), place, value or PLACEHOLDER)
    return sorted({str(place) for place in places})


def seed(settings: Settings, clients: Clients, root: Path) -> None:
    """Put in every secret of .env.example that an environment takes."""
    # A secret without a value there gets a placeholder.
    values = example(root / EXAMPLE)
    managed = {name for environment in settings.environments.values() for name in environment.secrets.secrets_manager}
    for name in sorted(managed | set(values)):
        if any(True for environment in settings.environments.values() for _ in _places(environment, name)):
            put(settings, clients, name, values.get(name, ""))


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


def _places(environment: Environment, variable: str) -> Iterator[str | Source]:
    """Yield the parameter or secret that gives an environment a variable."""
    chosen = environment.secrets
    if variable in chosen.secrets_manager:
        yield of_secret(variable, chosen.secrets_manager[variable])
    elif (
        chosen.parameter_store and variable not in environment.variables and not environment.why_not_settable(variable)
    ):
        yield f"{chosen.parameter_store.rstrip('/')}/{variable}"


def _put_managed(client: Any, place: Source, value: str) -> None:
    """Put a whole secret, or one key of its JSON object."""
    try:
        before = client.get_secret_value(SecretId=place.name)["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        before = ""
        client.create_secret(Name=place.name, SecretString="{}")
    text = json.dumps({**json.loads(before or "{}"), place.key: value}) if place.key else value
    client.put_secret_value(SecretId=place.name, SecretString=text)
