"""Reads workflow files: which pushes start them, and what their jobs do. Pure.

Whatever is not understood raises NotUnderstood with the place: a run that silently skipped a part would prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from tagship.sandbox.actions.expressions import NotUnderstood

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step; without `run`, it `uses` an action.

    `version` is what a comment behind the action's commit says of it. `part` tells the files of an action's own steps
    apart.
    """

    number: int
    name: str
    run: str = ""
    uses: str = ""
    id: str = ""
    condition: str = ""
    env: Plain = field(default_factory=dict)
    shell: str = ""
    folder: str = ""
    given: Plain = field(default_factory=dict)  # an action's `with`
    goes_on: bool = False
    timeout: float = 360  # minutes
    version: str = ""
    part: str = ""

    @property
    def key(self) -> str:
        """Name the step's files in its job's folder."""
        return self.part or str(self.number)


@dataclass(frozen=True)
class Job:
    id: str
    name: str
    needs: Sequence[str]
    condition: str
    outputs: Plain
    env: Plain
    steps: Sequence[Step]
    timeout: float = 360  # minutes
    permissions: Any = None  # None: what the repository's settings give
    environment: str = ""  # an expression
    group: str = ""  # of `concurrency`, an expression
    queue: bool = False


@dataclass(frozen=True)
class Workflow:
    path: str
    name: str
    push: Plain | None  # the filters of `on: push`; None: pushes do not start it
    env: Plain
    jobs: Mapping[str, Job]
    group: str = ""  # of `concurrency`, an expression
    queue: bool = False  # whether more than one run may wait in the group


@dataclass(frozen=True)
class Whole:
    """What a file says of every step in it."""

    defaults: tuple[str, str] = ("", "")  # the shell, and the folder
    versions: Mapping[str, str] = field(default_factory=dict)  # of actions, by what comments say
    permissions: Any = None


VERSIONED = re.compile(r"""^\s*(?:- +)?uses: *["']?([^\s"'#]+@[0-9a-f]{40})["']? +# *(v[\d.]+)""", re.MULTILINE)
JOB_KEYS = "name needs if outputs env steps runs-on permissions environment concurrency timeout-minutes defaults"
STEP_KEYS = "name id if run uses with env shell working-directory continue-on-error timeout-minutes"
TOP_KEYS = "name run-name on permissions env defaults concurrency jobs"


def triggers(text: str) -> Plain | None:
    """Return the filters of `on: push`; None if pushes start nothing."""
    # Whatever else is in the file.
    listening = events(load(text))
    return listening.get("push") or {} if "push" in listening else None


def parse(path: str, text: str) -> Workflow:
    """Read a workflow file. Raises NotUnderstood."""
    value = load(text)
    _known(path, value, TOP_KEYS)
    listening = events(value)
    defaults = _run_defaults(path, value.get("defaults"))
    whole = Whole(defaults, versions(text), value.get("permissions"))
    jobs = {key: _job(key, job, whole) for key, job in _mapping(path, "jobs", value.get("jobs")).items()}
    for job in jobs.values():
        for needed in set(job.needs) - set(jobs):
            raise NotUnderstood(f"{path}: the job {job.id} needs {needed}, which does not exist")
    _no_circle(path, jobs)
    group, queue = _concurrency(path, value.get("concurrency"))
    return Workflow(
        path=path,
        name=str(value.get("name") or path),
        push=listening.get("push") or {} if "push" in listening else None,
        env=_mapping(path, "env", value.get("env")),
        jobs=jobs,
        group=group,
        queue=queue,
    )


def starts(push: Plain, ref: str) -> bool:
    """Tell whether a push of `ref` passes the filters of `on: push`."""
    kind, _, name = ref.removeprefix("refs/").partition("/")
    own = {"heads": "branches", "tags": "tags"}.get(kind)
    other = "tags" if own == "branches" else "branches"
    if own is None:
        return False
    for key in set(push) - {"branches", "tags", "branches-ignore", "tags-ignore"}:
        raise NotUnderstood(f"on.push.{key} is not simulated")
    if own in push:
        return selected(push[own], name)
    if f"{own}-ignore" in push:
        return not selected(push[f"{own}-ignore"], name)
    return other not in push and f"{other}-ignore" not in push


def matches(pattern: str, name: str) -> bool:
    """Match a name against one of GitHub's filter patterns."""
    # `*` stops at a slash, `**` does not, `?` and `+` repeat what is before them.
    return re.fullmatch(_translated(pattern), name) is not None


def _translated(pattern: str) -> str:
    parts = re.findall(r"\*\*|\*|\[[^\]]+\]|[?+]|\\?.", pattern)
    known = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    return "".join(
        known.get(part) or (part if len(part) > 2 and part[0] == "[" else re.escape(part.lstrip("\\")))
        for part in parts
    )


def selected(patterns: str | Sequence[str], name: str) -> bool:
    """Apply patterns in order; `!` removes what an earlier one chose."""
    chosen = False
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if matches(str(pattern).removeprefix("!"), name):
            chosen = not str(pattern).startswith("!")
    return chosen


def load(text: str) -> dict[Any, Any]:
    """Read a mapping of YAML. Raises NotUnderstood."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as reason:
        raise NotUnderstood(f"not YAML: {reason}") from reason
    if not isinstance(value, dict):
        raise NotUnderstood("the top is not a mapping")
    return value


def events(value: Mapping[Any, Any]) -> Plain:
    """Read `on:`, in its three spellings."""
    # YAML 1.1 reads the bare word `on` as true.
    listening = value.get("on", value.get(True))
    if isinstance(listening, str):
        return {listening: None}
    if isinstance(listening, list):
        return dict.fromkeys(listening)
    return listening or {}


def versions(text: str) -> dict[str, str]:
    """Map each action that a comment names the version of to it."""
    # YAML's readers drop comments, so the lines are read.
    return {match[1]: match[2] for match in VERSIONED.finditer(text)}


def _job(key: str, value: Any, whole: Whole) -> Job:
    where = f"the job {key}"
    job = _mapping(where, "it", value)
    _known(where, job, JOB_KEYS)
    needs = job.get("needs") or []
    shell, folder = _run_defaults(where, job.get("defaults"))
    group, queue = _concurrency(where, job.get("concurrency"))
    inner = replace(whole, defaults=(shell or whole.defaults[0], folder or whole.defaults[1]))
    return Job(
        id=key,
        name=str(job.get("name") or key),
        needs=[needs] if isinstance(needs, str) else list(needs),
        condition=_if(job),
        outputs=_mapping(where, "outputs", job.get("outputs")),
        env=_mapping(where, "env", job.get("env")),
        steps=[read_step(where, number, step, inner) for number, step in enumerate(job.get("steps") or [], 1)],
        timeout=float(job.get("timeout-minutes", 360)),
        permissions=job.get("permissions", whole.permissions),
        environment=_environment(job.get("environment")),
        group=group,
        queue=queue,
    )


def _environment(value: Any) -> str:
    return str((value.get("name") if isinstance(value, dict) else value) or "")


def read_step(where: str, number: int, value: Any, whole: Whole) -> Step:
    """Read one step of a job, or of an action. Raises NotUnderstood."""
    where = f"{where}, step {number}"
    step = _mapping(where, "it", value)
    _known(where, step, STEP_KEYS)
    if ("run" in step) == ("uses" in step):
        raise NotUnderstood(f"{where}: a step has either `run` or `uses`")
    shell = str(step.get("shell") or whole.defaults[0])
    if "run" in step and shell not in ("", "bash", "sh", "python"):
        raise NotUnderstood(f"{where}: the shell {shell!r} is not simulated")
    run = str(step.get("run", ""))
    title = step.get("uses") or (run.strip().splitlines() or [""])[0]
    return Step(
        number=number,
        name=str(step.get("name") or f"Run {title}"),
        run=run,
        uses=str(step.get("uses", "")),
        id=str(step.get("id", "")),
        condition=_if(step),
        env=_mapping(where, "env", step.get("env")),
        shell=shell,  # nosec B604 (the name of a shell, in a record)
        folder=str(step.get("working-directory") or whole.defaults[1]),
        given=_mapping(where, "with", step.get("with")),
        goes_on=_flag(where, step.get("continue-on-error", False)),
        timeout=float(step.get("timeout-minutes", 360)),
        version=whole.versions.get(str(step.get("uses", "")), ""),
    )


def _concurrency(path: str, value: Any) -> tuple[str, bool]:
    """Read the group, and whether runs queue in it (`queue: max`)."""
    # If not, a newer run replaces the one that waits.
    if not value:
        return "", False
    if isinstance(value, str):
        return value, False
    _known(f"{path}: concurrency", value, "group queue cancel-in-progress")
    if value.get("cancel-in-progress"):
        raise NotUnderstood(f"{path}: concurrency.cancel-in-progress is not simulated")
    return str(value["group"]), value.get("queue") == "max"


def _run_defaults(where: str, value: Any) -> tuple[str, str]:
    run = _mapping(where, "defaults.run", _mapping(where, "defaults", value).get("run"))
    _known(f"{where}: defaults.run", run, "shell working-directory")
    return str(run.get("shell") or ""), str(run.get("working-directory") or "")


def _if(value: Plain) -> str:
    condition = value.get("if", "")
    return str(condition).lower() if isinstance(condition, bool) else str(condition)


def _flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotUnderstood(f"{where}: continue-on-error is {value!r}; true or false is simulated")
    return value


def _mapping(where: str, part: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotUnderstood(f"{where}: {part} is not a mapping")
    return value


def _known(where: str, value: Mapping[Any, Any], keys: str) -> None:
    for key in value:
        if key is not True and key not in keys.split():
            raise NotUnderstood(f"{where}: the key {key!r} is not simulated")


def _no_circle(path: str, jobs: Mapping[str, Job]) -> None:
    done: set[str] = set()
    while len(done) < len(jobs):
        ready = {key for key, job in jobs.items() if key not in done and set(job.needs) <= done}
        if not ready:
            raise NotUnderstood(f"{path}: the jobs {', '.join(sorted(set(jobs) - done))} need each other")
        done |= ready
