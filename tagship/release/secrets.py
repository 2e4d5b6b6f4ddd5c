"""The secrets of an environment, each at the version that is current: what `publish` writes into the manifest."""

from __future__ import annotations

from collections.abc import Mapping

from tagship.domain import aws_commands, commands
from tagship.domain.secrets import SSM, SecretRef, of_parameter, of_secret, problems
from tagship.domain.text import either
from tagship.errors import Refused, ServiceFailed
from tagship.ports.app import App


def resolved(app: App, environment: str) -> Mapping[str, SecretRef]:
    """Map each variable to its secret's name and version.

    No value is read. Raises Refused for a secret that is not there, and for two that would be the same variable.
    Secrets belong to an environment, not to an artifact: a promotion asks for those of the environment that it goes to.
    """
    chosen, account = app.settings.environment(environment), app.at(environment)
    path, names = chosen.secrets.parameter_store, chosen.secrets.secrets_manager
    parameters = account.secrets.parameters(path) if path else {}
    if path and not parameters:
        raise Refused(
            f"There is no parameter below {path} in {account.settings.aws.region}.",
            remedy=either(
                _put(account, path), f"Or correct environments.{environment}.secrets.parameter_store in tagship.toml"
            ),
        )
    sources = [of_parameter(path, name) for name in sorted(parameters)]
    sources += [of_secret(variable, names[variable]) for variable in sorted(names)]
    _check(environment, list(problems(sources, chosen.variables, chosen.why_not_settable)))
    current = {
        name: account.secrets.current(name)
        for name in sorted({source.name for source in sources if source.store != SSM})
    }
    try:
        refs = {
            source.variable: source.at((parameters if source.store == SSM else current)[source.name])
            for source in sources
        }
    except ValueError as reason:
        raise ServiceFailed(f"AWS returned a secret that no host accepts: {reason}.", remedy="Rename it") from reason
    return dict(sorted(refs.items()))


def _put(app: App, path: str) -> str:
    """Spell how to put the first parameter there."""
    if app.settings.sandbox:
        return f"Put one there: {commands.sandbox('secret', 'NAME=value')}"
    command = aws_commands.put_parameter(f"{path.rstrip('/')}/NAME", app.settings.aws.where)
    return f"Put one there, its value in a file (or file:///dev/stdin): {command}"


def _check(environment: str, conflicts: list[str]) -> None:
    if conflicts:
        raise Refused(
            f"The secrets of {environment} cannot all be variables: {'; '.join(conflicts)}.",
            remedy=f"Rename the parameter, or correct environments.{environment}.secrets in tagship.toml",
        )
