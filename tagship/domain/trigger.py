"""What started a CI run, and whether that may deploy anything at all.

https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows: a pull request of a fork
runs a stranger's code, and `workflow_run` runs with credentials whatever the earlier run came to, and of whose code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

HEADS = "refs/heads/"
BOT = "dependabot[bot]"


@dataclass(frozen=True)
class Trigger:
    """The event of a run.

    `commit` and `branch` are of what would be deployed: for `workflow_run` those of the earlier run, for a pull request
    its head's. `pull` is a pull request's number, and `action` what happened to it. `refusal` says why the event
    deploys nothing; empty if it may.
    """

    event: str = ""
    branch: str = ""
    commit: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    pull: int = 0
    action: str = ""

    @classmethod
    def of(cls, event: str, payload: Mapping[str, Any], repository: str, ref: str, commit: str) -> Self:
        """Read the event that GitHub wrote down for a run."""
        branch = ref.removeprefix(HEADS) if ref.startswith(HEADS) else ""
        if event == "workflow_run":
            earlier = _table(payload, "workflow_run")
            refusal = _not_to_be_followed(earlier, repository)
            return cls(event, _text(earlier, "head_branch"), _text(earlier, "head_sha"), refusal=refusal)
        if event in ("pull_request", "pull_request_target"):
            return cls._of_pull_request(event, payload, repository)
        if event == "workflow_dispatch":
            return cls(event, branch, commit, {name: str(value) for name, value in _table(payload, "inputs").items()})
        refusal = "" if event == "push" else f"{event or 'nothing'} started this run, and that deploys nothing"
        return cls(event, branch, commit, refusal=refusal)

    @classmethod
    def _of_pull_request(cls, event: str, payload: Mapping[str, Any], repository: str) -> Self:
        pull = _table(payload, "pull_request")
        head, number = _table(pull, "head"), pull.get("number")
        return cls(
            event,
            _text(head, "ref"),
            _text(head, "sha"),
            refusal=_of_a_pull_request(event, head, repository),
            pull=number if isinstance(number, int) else 0,
            action=_text(payload, "action"),
        )


def _not_to_be_followed(earlier: Mapping[str, Any], repository: str) -> str:
    """Say why nothing follows a run; empty if it may."""
    name, conclusion = _text(earlier, "name") or "the earlier run", _text(earlier, "conclusion")
    if conclusion != "success":
        return f"{name} ended as {conclusion or 'unknown'}"
    if _text(earlier, "event") not in ("push", "workflow_dispatch"):
        return f"{name} ran for {_text(earlier, 'event') or 'an unknown event'}, and only what was pushed is deployed"
    if _text(_table(earlier, "head_repository"), "full_name") != repository:
        return f"{name} ran for another repository's commit"
    return ""


def _of_a_pull_request(event: str, head: Mapping[str, Any], repository: str) -> str:
    """Say why a pull request isn't deployed; empty if it may be."""
    if _text(_table(head, "repo"), "full_name") != repository:
        return "a fork's pull request is deployed nowhere: its code is a stranger's"
    if event != "pull_request":  # it runs with the base branch's rights, whoever opened it
        return f"{event} deploys nothing: let pull_request start it"
    return ""


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    return str(value.get(key) or "")
