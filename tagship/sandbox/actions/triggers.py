"""What starts runs and lets them go on, of GitHub's REST API.

Shapes are those of https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event,
/rest/actions/workflow-runs (pending deployments), /rest/deployments/environments and /rest/commits (pull requests).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tagship.sandbox.actions.approvals import Approvals
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.refusals import NotFound

Answer = tuple[str, Any]


class Started(Protocol):
    """What the runner lends: it starts runs."""

    @property
    def approvals(self) -> Approvals: ...

    pulls: dict[str, dict[str, Any]]  # merged pull requests, by the commit that they were merged as

    def dispatch(self, file: str, ref: str, given: Mapping[str, Any]) -> bool: ...


class Triggers:
    """Routes below /repos/<owner>/<name>."""

    def __init__(self, runner: Started) -> None:
        self._runner = runner
        self._routes: list[tuple[str, str, Callable[..., Answer | None]]] = [
            ("POST", r"/actions/workflows/([^/]+)/dispatches", self._dispatch),
            ("GET", r"/actions/runs/(\d+)/pending_deployments", self._pending),
            ("POST", r"/actions/runs/(\d+)/pending_deployments", self._review),
            ("PUT", r"/environments/([^/]+)", self._protect),
            ("GET", r"/commits/([0-9a-f]{40})/pulls", self._pulls),
            ("GET", r"/commits/([0-9a-f]{40})", self._merge),
            ("GET", r"/pulls/(\d+)/commits", self._commits),
        ]

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """Answer a request; None if it is none of these."""
        for verb, pattern, handler in self._routes:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                return handler(json.loads(body or b"{}"), *match.groups())
        return None

    def _dispatch(self, body: Mapping[str, Any], file: str) -> Answer:
        try:
            if not self._runner.dispatch(file, str(body["ref"]), body.get("inputs") or {}):
                raise NotFound
        except NotUnderstood as reason:
            return "422 Unprocessable Entity", {"message": str(reason), "status": "422"}
        return "204 No Content", {}

    def _pending(self, _: Mapping[str, Any], run_id: str) -> Answer:
        names = self._runner.approvals.pending(int(run_id))
        return "200 OK", [
            {"environment": {"id": name, "name": name}, "current_user_can_approve": True} for name in names
        ]

    def _review(self, body: Mapping[str, Any], run_id: str) -> Answer:
        names = [str(name) for name in body["environment_ids"]]
        if not all(self._runner.approvals.answer(int(run_id), name, str(body["state"])) for name in names):
            raise NotFound
        return "200 OK", []

    def _protect(self, body: Mapping[str, Any], name: str) -> Answer:
        """Have an environment's jobs wait for an approval, or not."""
        change = (
            self._runner.approvals.reviewed.add if body.get("reviewers") else self._runner.approvals.reviewed.discard
        )
        change(name)
        return "200 OK", {"id": 1, "name": name}

    def _pulls(self, _: Mapping[str, Any], commit: str) -> Answer:
        pull = self._runner.pulls.get(commit)
        return "200 OK", [pull] if pull else []

    def _merge(self, _: Mapping[str, Any], commit: str) -> Answer | None:
        """Answer with the commit of a merge, which GitHub makes."""
        return ("200 OK", {"sha": commit, **_BY_GITHUB}) if commit in self._runner.pulls else None

    def _commits(self, _: Mapping[str, Any], number: str) -> Answer:
        """Answer with the commits of a merged pull request.

        Its event may name the authors of more than its own (`pushed_by`), who pushed theirs.
        """
        pull = next((pull for pull in self._runner.pulls.values() if str(pull.get("number")) == number), None)
        if pull is None:
            raise NotFound
        own = {"sha": pull["head"]["sha"], "author": pull["user"], **_BY_GITHUB}
        return "200 OK", [own, *({"author": {"login": login}} for login in pull.get("pushed_by", ()))]


_BY_GITHUB = {"committer": {"login": "web-flow"}, "commit": {"verification": {"verified": True}}}
