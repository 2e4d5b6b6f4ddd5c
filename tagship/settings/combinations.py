"""Values that are each right and cannot work together. Pure, and over the file's own values.

They are looked for beside pydantic's errors and not after them, so that a file with both is told of both at once.
A value of a wrong type is somebody else's error: here it is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tagship.domain.ec2.hostconf import why_not_settable
from tagship.domain.health import waits
from tagship.domain.infra import NAMES, TWIN
from tagship.settings.model import VARIABLE, Ci, Ec2, Environment, Health, Limits

Finding = tuple[str, str]  # a dotted key, and what is wrong with it

# What tagship itself puts into an app's environment, and so may not be set to something else.
OURS = frozenset({"PORT", "VERSION", "COMMIT_SHA", "BUILD_TIME", "ENVIRONMENT", "OUTPUT_DIR"})


def impossible(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Every combination of a file that cannot work."""
    ci = _table(values, "ci")
    if _number(ci, "appears_within", Ci) > _number(ci, "timeout", Ci):
        yield "ci.appears_within", "is longer than ci.timeout: make it shorter"
    for key in ("include", "built"):
        yield from _inside(f"bundle.{key}", _table(values, "bundle").get(key, ()))
    environments = {name: one for name, one in _table(values, "environments").items() if isinstance(one, Mapping)}
    for name, one in environments.items():
        for place, what in _of_environment(one):
            yield f"environments.{name}.{place}", what
    yield from _unsigned(values, environments)
    yield from _same_channel(environments)
    yield from _same_state(environments, str(_table(values, "aws").get("bucket", "")))


def _of_environment(one: Mapping[str, Any]) -> Iterator[Finding]:
    if one.get("target", "ec2") == "ec2" and "ec2" not in one:
        yield "ec2", 'target = "ec2" needs the hosts\' tags: ec2.tags = { Name = "…" }'
    runtime = one.get("runtime", "process")
    if runtime == "process" and not one.get("command"):
        yield "command", 'runtime = "process" needs the program to start: command = ["python3", "app.py"]'
    if runtime == "docker" and not _table(one, "image").get("repository"):
        yield "image.repository", 'runtime = "docker" needs the repository that images are pushed to'
    yield from _of_kind(one)
    yield from _of_systemd(one)
    yield from _of_variables(one)
    for key in ("dockerfile", "context"):
        yield from _inside(f"image.{key}", [_table(one, "image").get(key, "")])
    yield from _of_health(one)
    yield from _of_fleet(one)
    yield from _of_infra(one)


def _of_kind(one: Mapping[str, Any]) -> Iterator[Finding]:
    job, timer, now = one.get("kind", "service") == "job", one.get("timer", ""), one.get("run_at_deploy", True)
    if job and one.get("manager", "process") != "systemd":
        yield "kind", 'kind = "job" needs a service manager that knows units and timers: manager = "systemd"'
    if job and not timer and now is False:
        yield "timer", 'a job that is not run at its deployment needs a timer: timer = "*-*-* 03:30:00 UTC"'
    if timer and not job:
        yield "timer", 'is of a job: kind = "job"'


def _of_systemd(one: Mapping[str, Any]) -> Iterator[Finding]:
    """What the service manager of a machine without one could not see to."""
    if one.get("user") == "root":
        yield "user", "is root, as which no app is run: name an account of its own, or leave it out"
    if one.get("manager", "process") == "systemd":
        return
    limits = _table(one, "limits")
    wanted = {"user": one.get("user"), "limits.memory": limits.get("memory")}
    wanted["limits.pids"] = _number(limits, "pids", Limits) != Limits.model_fields["pids"].default
    for place, value in wanted.items():
        if value:
            yield place, 'needs a service manager that can see to it: manager = "systemd"'


def _of_variables(one: Mapping[str, Any]) -> Iterator[Finding]:
    plain, secret = _table(one, "variables"), _table(_table(one, "secrets"), "secrets_manager")
    runtime = str(one.get("runtime", "process"))
    for place, table in (("variables", plain), ("secrets.secrets_manager", secret)):
        for name in table:
            problem = why_not_settable(name, runtime)
            if name in OURS:
                yield f"{place}.{name}", "is set by tagship itself: give it another name"
            elif problem and re.search(VARIABLE, name):  # what is no name at all is pydantic's to tell
                yield f"{place}.{name}", f"{problem}: give it another name"
    for name in secret:
        if name in plain:
            yield f"secrets.secrets_manager.{name}", f"is set by variables.{name} too: remove one"


def _of_health(one: Mapping[str, Any]) -> Iterator[Finding]:
    health, ec2 = _table(one, "health"), _table(one, "ec2")
    passes, drain = _number(health, "passes", Health), _number(one, "drain", Environment)
    longest = drain
    for key in ("attempts", "attempts_after_rollback"):
        attempts = _number(health, key, Health)
        if passes > attempts:
            yield f"health.{key}", f"is {attempts}, which can never hold health.passes = {passes} in a row"
        each = _number(health, "timeout", Health)
        longest += int(sum(waits(min(attempts, 60), _number(health, "cap", Health)))) + attempts * each
    if longest > _number(ec2, "timeout", Ec2):
        yield "ec2.timeout", f"would kill a host's action before its health checks end: they may take {longest} s"


def _of_fleet(one: Mapping[str, Any]) -> Iterator[Finding]:
    fleet = _table(one, "fleet")
    if fleet.get("bake") and not fleet.get("canary"):
        yield "fleet.bake", "is how long the canary is watched: set fleet.canary = true"


def _unsigned(values: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Without a key nothing can be signed or verified, and that is each environment's own decision."""
    wanting = [name for name, one in environments.items() if one.get("allow_unsigned") is not True]
    if "signing" not in values and wanting:
        told = ", ".join(f"environments.{name}" for name in wanting)
        yield "signing", f"is missing: name its key and public_key, or say allow_unsigned = true in {told}"


def _same_channel(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    owners: dict[tuple[str, str], str] = {}
    for name, one in environments.items():
        channel = (str(one.get("suffix", name)), str(one.get("branch", "")))
        owner = owners.setdefault(channel, name)
        if owner != name:
            yield f"environments.{name}", f"has the same suffix and the same branch as environments.{owner}: change one"


def _of_infra(one: Mapping[str, Any]) -> Iterator[Finding]:
    infra = _table(one, "infra")
    command = infra.get("command")
    if command and not infra.get("directory"):
        yield "infra.command", 'needs the directory that it runs in: infra.directory = "."'
    if command and infra.get("plan_only"):
        yield "infra.plan_only", "is Terraform's: a command of another tool's has no plan"
    for key in ("state_bucket", "state_key"):
        if command and infra.get(key):
            yield f"infra.{key}", "is Terraform's: with infra.command there is no state"
    for name in _table(infra, "variables"):
        if name.upper().removeprefix(TWIN) in NAMES:
            yield f"infra.variables.{name}", "is set by tagship itself: give it another name"
    yield from _inside("infra.directory", [infra.get("directory", "")])


def _same_state(environments: Mapping[str, Mapping[str, Any]], bucket: str) -> Iterator[Finding]:
    """Two environments in one state would destroy each other's resources, each apply the other's."""
    owners: dict[tuple[str, str], str] = {}
    for name, one in environments.items():
        infra = _table(one, "infra")
        key = str(infra.get("state_key", ""))
        owner = owners.setdefault((str(infra.get("state_bucket") or bucket), key), name) if key else name
        if owner != name:
            yield f"environments.{name}.infra.state_key", f"is the state of environments.{owner} too: change one"


def _inside(place: str, paths: Any) -> Iterator[Finding]:
    """Paths must be of the repository: relative, and never out of it again."""
    for path in paths if isinstance(paths, (list, tuple)) else ():
        if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
            yield place, f'"{path}" is outside the repository: give a path relative to its top'


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key, {})
    return found if isinstance(found, Mapping) else {}


def _number(values: Mapping[str, Any], key: str, model: type[Any]) -> int:
    """A whole number of a table, or its default (also in place of something that is no number)."""
    default: int = model.model_fields[key].default
    found = values.get(key, default)
    return found if type(found) is int and found > 0 else default
