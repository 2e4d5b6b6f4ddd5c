"""deploy/environments/<env>.conf: what a host is told of its environment, as shell lines that are safe to source.

Every bundle carries the conf of every environment, so that the same bytes can be promoted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Protocol

from tagship.errors import SettingsError

FOLDER = "deploy/environments"
RESERVED = frozenset({"PORT", "VERSION", "COMMIT_SHA", "BUILD_TIME", "ENVIRONMENT", "OUTPUT_DIR"})
# The shell that starts the app keeps these for itself: read-only, changing by themselves, or evaluated when assigned.
SHELLS_OWN = frozenset(
    {
        "_", "COMP_WORDBREAKS", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD",
        "LINENO", "OLDPWD", "OPTIND", "PIPESTATUS", "PPID", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM",
        "UID",
    }
)  # fmt: skip
DOCKERS_OWN = frozenset({"HOME", "PATH"})

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


class Health(Protocol):
    """tagship.settings.Health, as much of it as a host is told (the domain does not import settings)."""

    @property
    def path(self) -> str: ...
    @property
    def version_key(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def attempts_after_rollback(self) -> int: ...
    @property
    def passes(self) -> int: ...
    @property
    def timeout(self) -> int: ...
    @property
    def cap(self) -> int: ...


class Limits(Protocol):
    """tagship.settings.Limits, likewise."""

    @property
    def memory(self) -> str: ...
    @property
    def pids(self) -> int: ...


class Ec2(Protocol):
    """tagship.settings.Ec2, likewise."""

    @property
    def timeout(self) -> int: ...


class Environment(Protocol):
    """tagship.settings.Environment, likewise."""

    @property
    def runtime(self) -> str: ...
    @property
    def manager(self) -> str: ...
    @property
    def command(self) -> tuple[str, ...]: ...
    @property
    def port(self) -> int: ...
    @property
    def keep(self) -> int: ...
    @property
    def drain(self) -> int: ...
    @property
    def zero_downtime(self) -> bool: ...
    @property
    def kind(self) -> str: ...
    @property
    def timer(self) -> str: ...
    @property
    def run_at_deploy(self) -> bool: ...
    @property
    def variables(self) -> Mapping[str, str]: ...
    @property
    def health(self) -> Health: ...
    @property
    def user(self) -> str: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def ec2(self) -> Ec2 | None: ...


class Aws(Protocol):
    """tagship.settings.Aws, likewise."""

    @property
    def region(self) -> str: ...


class Settings(Protocol):
    """tagship.settings.Settings, likewise."""

    @property
    def aws(self) -> Aws: ...
    @property
    def environments(self) -> Mapping[str, Environment]: ...


def files(settings: Settings) -> dict[str, bytes]:
    """Path in the bundle -> bytes, one conf an environment; raises SettingsError for a variable no host could set."""
    return {
        f"{FOLDER}/{name}.conf": conf(name, environment, settings.aws.region)
        for name, environment in settings.environments.items()
    }


def conf(name: str, environment: Environment, region: str) -> bytes:
    """One environment's conf: KEY=value lines, each value one shell word; a variable V is VARIABLE_V."""
    health = environment.health
    values: dict[str, object] = {
        "REGION": region,
        "RUNTIME": environment.runtime,
        "MANAGER": environment.manager,
        "PORT": environment.port,
        "KEEP": environment.keep,
        "DRAIN": environment.drain,
        "HEALTH_PATH": health.path,
        "HEALTH_VERSION_KEY": health.version_key,
        "HEALTH_ATTEMPTS": health.attempts,
        "HEALTH_ATTEMPTS_AFTER_ROLLBACK": health.attempts_after_rollback,
        "HEALTH_PASSES": health.passes,
        "HEALTH_TIMEOUT": health.timeout,
        "HEALTH_CAP": health.cap,
        "COMMAND": shlex.join(environment.command),
        "VARIABLES": " ".join(sorted(environment.variables)),
    }
    if not environment.zero_downtime:
        values["ZERO_DOWNTIME"] = "false"
    if environment.kind == "job":
        values |= {"KIND": "job", "TIMER": environment.timer, "RUN_AT_DEPLOY": str(environment.run_at_deploy).lower()}
    if environment.manager == "systemd":
        values |= {"MEMORY": environment.limits.memory, "PIDS": environment.limits.pids}
        if environment.ec2:
            values["TIMEOUT"] = environment.ec2.timeout
        if environment.user:
            values["ACCOUNT"] = environment.user
    for variable in sorted(environment.variables):
        _check(name, variable, environment)
        values[f"VARIABLE_{variable}"] = environment.variables[variable]
    return "".join(f"{key}={shlex.quote(str(value))}\n" for key, value in values.items()).encode()


def why_not_settable(variable: str, runtime: str) -> str:
    """Why no host could give an app that variable, in a few words; empty when it can."""
    if not _VARIABLE.match(variable):
        return "is not a variable's name (letters, digits and _)"
    if variable in RESERVED | SHELLS_OWN or variable.startswith("BASH"):
        return "is set by the host itself"
    if runtime == "docker" and (variable in DOCKERS_OWN or variable.startswith(("DOCKER_", "LD_"))):
        return "would change the docker client, through whose environment a container's goes"
    return ""


def _check(name: str, variable: str, environment: Environment) -> None:
    problem = why_not_settable(variable, environment.runtime)
    if not problem and "\0" in environment.variables[variable]:
        problem = "holds a NUL, which no environment can carry"
    if problem:
        raise SettingsError(
            f"environments.{name}.variables: {variable!r} {problem}.",
            remedy=f"Rename or remove it in tagship.toml, under [environments.{name}.variables]",
        )
