"""Service deployments and service revisions, as they are looked at and stopped.

Follows https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html and its neighbours.
Does not model: 90 days of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tagship.sandbox.aws import ecs_answers as answers
from tagship.sandbox.aws.ecs_kept import Kept
from tagship.sandbox.aws.ecs_requests import Act, EcsError, Faults, Given, invalid, page
from tagship.sandbox.ecs.clock import Clock
from tagship.sandbox.ecs.rollout import Rollout
from tagship.sandbox.ecs.service import Service
from tagship.sandbox.ecs.shifting import Shifting
from tagship.sandbox.pace import now


@dataclass
class Deployments:
    """Operations on deployments and revisions."""

    kept: Kept
    clock: Clock
    faults: Faults

    def operations(self) -> Sequence[Act]:
        return (
            self.list_service_deployments,
            self.describe_service_deployments,
            self.describe_service_revisions,
            self.stop_service_deployment,
            self.continue_service_deployment,
        )

    def list_service_deployments(self, given: Given) -> dict[str, Any]:
        service = self.kept.service(given)
        self.clock.pass_for(service)
        rows = [answers.brief(service, row) for row in reversed(service.rollouts) if self._listed(row, given)]
        briefs, more = page(given, rows, 20)
        return {"serviceDeployments": briefs, **more}

    def _listed(self, rollout: Rollout, given: Given) -> bool:
        """Tell whether a list has a deployment: it is late, and filters."""
        since, until = (given.get("createdAt", {}).get(name) for name in ("after", "before"))
        shown = now() >= rollout.created + timedelta(seconds=self.faults.listed_after)
        within = (since is None or rollout.created > _time(since)) and (until is None or rollout.created < _time(until))
        return shown and within and rollout.status in (given.get("status") or [rollout.status])

    def describe_service_deployments(self, given: Given) -> dict[str, Any]:
        rows = {arn: self.kept.rollout(arn) for arn in given["serviceDeploymentArns"]}
        self.clock.pass_for(*{row[0].arn: row[0] for row in rows.values() if row}.values())
        return {
            "serviceDeployments": [answers.deployment(*row) for row in rows.values() if row],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn, row in rows.items() if not row],
        }

    def describe_service_revisions(self, given: Given) -> dict[str, Any]:
        asked = given["serviceRevisionArns"]
        rows = {arn: (service, service.revisions[arn]) for service in self.kept.services() for arn in service.revisions}
        return {
            "serviceRevisions": [answers.revision(*rows[arn]) for arn in asked if arn in rows],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in rows],
        }

    def stop_service_deployment(self, given: Given) -> dict[str, Any]:
        """Begin to roll a deployment back."""
        if given.get("stopType", "ROLLBACK") != "ROLLBACK":
            raise invalid("stopType must be ROLLBACK.")
        service, rollout = self._rollout(given)
        self.clock.pass_for(service)
        if rollout.status not in {"PENDING", "IN_PROGRESS"}:
            raise EcsError("ConflictException", f"The service deployment is {rollout.status} and cannot be stopped.")
        rollout.go_back(now())
        return {"serviceDeploymentArn": rollout.arn}

    def continue_service_deployment(self, given: Given) -> dict[str, Any]:
        """End a pause."""
        service, rollout = self._rollout(given)
        self.clock.pass_for(service)
        strategy = rollout.strategy
        waits = rollout.active and [hook["hookId"] for hook in strategy.hooks] == [given["hookId"]]
        if not waits or not isinstance(strategy, Shifting):
            raise invalid("The lifecycle hook is not awaiting an action.")
        strategy.act(given.get("action", "CONTINUE"))
        return {"serviceDeploymentArn": rollout.arn}

    def _rollout(self, given: Given) -> tuple[Service, Rollout]:
        row = self.kept.rollout(given["serviceDeploymentArn"])
        if row is None:
            raise EcsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        return row


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
