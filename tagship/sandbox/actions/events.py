"""What starts runs: events, and whether a workflow file listens to one. Pure.

https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows. A pushed branch, a pull
request and a schedule start the workflows that deploy alone, those with a job that names an environment or asks for an
identity: what else listens to them is a repository's tests, or a team's own deployment, which are no part of a release.
So is what listens to pushes of whatever kind: on GitHub a tag starts it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.sandbox.actions import workflow
from tagship.sandbox.actions.expressions import NotUnderstood

DEFAULT_BRANCH = "main"
OF_TESTS = ("push", "pull_request", "schedule")  # tests listen to these too
TAGS = {"tags", "tags-ignore"}
PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")


@dataclass(frozen=True)
class Event:
    """Something that happened.

    `ref` and `commit` are GITHUB_REF and GITHUB_SHA, where the workflow files are read. `changed` are the paths of a
    pushed branch, or of a pull request since it left its base; `only` is the file that a dispatch names.
    """

    name: str
    ref: str
    commit: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""
    changed: Sequence[str] = ()
    only: str = ""


def starts(text: str, event: Event) -> bool:
    """Tell whether an event starts a workflow. Raises NotUnderstood."""
    value = workflow.load(text)
    listening = workflow.events(value)
    if event.name not in listening:
        return False
    filters = listening[event.name] or {}
    is_of_tags = event.ref.startswith("refs/tags/") and (event.name != "push" or TAGS & set(filters))
    if event.name in OF_TESTS and not is_of_tags and not _deploys(value):
        return False
    check = {"push": _push, "pull_request": _pull_request, "workflow_run": _workflow_run}.get(event.name)
    return check(filters, event) if check else True


def inputs(text: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Complete a dispatch's inputs by their defaults.

    Raises NotUnderstood for a missing or strange one.
    """
    declared = (workflow.events(workflow.load(text)).get("workflow_dispatch") or {}).get("inputs") or {}
    strange = sorted(set(given) - set(declared))
    if strange:
        raise NotUnderstood(f"Unexpected inputs provided: {strange}")
    values = {name: given.get(name, about.get("default", "")) for name, about in declared.items()}
    for name, about in declared.items():
        if about.get("required") and not values[name]:
            raise NotUnderstood(f"Required input '{name}' not provided")
        if about.get("type") == "choice" and values[name] not in about.get("options", ()):
            raise NotUnderstood(f"Provided value '{values[name]}' for input '{name}' not in the list of allowed values")
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}


def _deploys(value: Mapping[Any, Any]) -> bool:
    jobs = value.get("jobs") or {}
    return any(isinstance(job, dict) and (job.get("environment") or _may_identify(job)) for job in jobs.values())


def _may_identify(job: Mapping[Any, Any]) -> bool:
    permissions = job.get("permissions")
    return isinstance(permissions, dict) and permissions.get("id-token") == "write"


def _push(filters: Mapping[str, Any], event: Event) -> bool:
    paths = filters.get("paths")
    if "paths-ignore" in filters:
        raise NotUnderstood("on.push.paths-ignore is not simulated")
    if not workflow.starts({name: value for name, value in filters.items() if name != "paths"}, event.ref):
        return False
    is_tag = event.ref.startswith("refs/tags/")  # GitHub evaluates no path filters for tags
    return is_tag or paths is None or any(workflow.selected(paths, path) for path in event.changed)


def _pull_request(filters: Mapping[str, Any], event: Event) -> bool:
    _known(filters, "pull_request", "types branches paths")
    if event.payload.get("action") not in filters.get("types", PULL_REQUEST_TYPES):
        return False
    base, paths = str(event.payload["pull_request"]["base"]["ref"]), filters.get("paths")
    if "branches" in filters and not workflow.selected(filters["branches"], base):
        return False
    return paths is None or any(workflow.selected(paths, path) for path in event.changed)


def _workflow_run(filters: Mapping[str, Any], event: Event) -> bool:
    _known(filters, "workflow_run", "workflows types branches")
    earlier = event.payload["workflow_run"]
    if earlier["name"] not in filters.get("workflows", ()) or "completed" not in filters.get("types", ("completed",)):
        return False
    return "branches" not in filters or workflow.selected(filters["branches"], str(earlier["head_branch"]))


def _known(filters: Mapping[str, Any], event: str, keys: str) -> None:
    for key in set(filters) - set(keys.split()):
        raise NotUnderstood(f"on.{event}.{key} is not simulated")
