"""deploy/environments/<env>.conf: what a host reads about its environment, as shell lines that are safe to source.

Every bundle carries the conf of every environment, so that the same bytes can be promoted. It says how an app runs; the
operational numbers (`numbers`) come with each change instead. A bundle of an older tagship has them here too, and a
host that is given no others uses those.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from tagship.domain import layout
from tagship.errors import SettingsError

FOLDER = layout.CONFIGURATION
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


def conf(name: str, keys: Mapping[str, object], variables: Mapping[str, str]) -> bytes:
    """Write one environment's conf: KEY=value lines, each value one shell word.

    Raises SettingsError for a variable that no host could set.
    A variable V is VARIABLE_V.
    """
    for variable in sorted(variables):
        _check(name, variable, variables[variable], str(keys["RUNTIME"]))
    values = {**keys, "VARIABLES": " ".join(sorted(variables))}
    values |= {f"VARIABLE_{variable}": variables[variable] for variable in sorted(variables)}
    return "".join(f"{key}={shlex.quote(str(value))}\n" for key, value in values.items()).encode()


def why_not_settable(variable: str, runtime: str) -> str:
    """Say why no host could set that variable; empty if it can."""
    if not _VARIABLE.match(variable):
        return "is not a variable's name (letters, digits and _)"
    if variable in RESERVED | SHELLS_OWN or variable.startswith("BASH"):
        return "is set by the host itself"
    if runtime == "docker" and (variable in DOCKERS_OWN or variable.startswith(("DOCKER_", "LD_"))):
        return "would change the docker client, whose environment becomes the container's"
    return ""


def _check(name: str, variable: str, value: str, runtime: str) -> None:
    problem = why_not_settable(variable, runtime)
    if not problem and "\0" in value:
        problem = "holds a NUL, which no environment can carry"
    if problem:
        raise SettingsError(
            f"environments.{name}.variables: {variable!r} {problem}.",
            remedy=f"Rename or remove it in tagship.toml, under [environments.{name}.variables]",
        )
