"""How ECS's descriptions read: services, service deployments, tasks, and the shapes of botocore's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.domain.ecs.definition import ANY, Shape
from tagship.domain.ecs.service_deployment import HookPause, ServiceDeployment
from tagship.domain.ecs.strategy import waits
from tagship.domain.ecs.task import Exit, TaskFacts

AWAITING = "AWAITING_ACTION"


@dataclass(frozen=True)
class ServiceFacts:
    """A service.

    `primary` is the id of its PRIMARY deployment, `definition` that one's task definition.
    """

    name: str
    primary: str
    definition: str
    completed: bool
    desired: int
    configuration: Mapping[str, Any] = field(default_factory=dict)
    revisions: tuple[str, ...] = ()  # ARNs of the service revisions that it runs
    unfit: str = ""  # why tagship cannot change it
    active: bool = True
    groups: tuple[str, ...] = ()  # ARNs of target groups that its tasks can be in
    listeners: tuple[str, ...] = ()  # ARNs of the listeners or rules that its traffic shifts by

    @property
    def revision(self) -> str:
        """Return the name of its task definition: family:number."""
        return self.definition.rpartition("/")[2]


def service_of(row: Mapping[str, Any]) -> ServiceFacts:
    primary: Mapping[str, Any] = next(
        (entry for entry in row.get("deployments", ()) if entry.get("status") == "PRIMARY"), {}
    )
    balancers = row.get("loadBalancers", ())
    return ServiceFacts(
        name=row["serviceName"],
        primary=primary.get("id", ""),
        definition=primary.get("taskDefinition", row.get("taskDefinition", "")),
        completed=primary.get("rolloutState", "COMPLETED") == "COMPLETED",
        desired=row.get("desiredCount", 0),
        configuration=row.get("deploymentConfiguration", {}),
        revisions=tuple(entry["arn"] for entry in row.get("currentServiceRevisions", ())),
        unfit=_unfit(row),
        active=row.get("status", "ACTIVE") == "ACTIVE",
        groups=tuple(dict.fromkeys(filter(None, _groups(balancers)))),
        listeners=tuple(
            rule for balancer in balancers if (rule := _advanced(balancer).get("productionListenerRule", ""))
        ),
    )


def _groups(balancers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for balancer in balancers:
        yield balancer.get("targetGroupArn", "")
        yield _advanced(balancer).get("alternateTargetGroupArn", "")


def _advanced(balancer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what traffic is shifted by, if it is."""
    value: Mapping[str, Any] = balancer.get("advancedConfiguration", {})
    return value


def _unfit(row: Mapping[str, Any]) -> str:
    controller = row.get("deploymentController", {}).get("type", "ECS")
    if row.get("status", "ACTIVE") != "ACTIVE":
        return f"it is {row['status']}"
    if row.get("resourceManagementType") == "ECS":
        return "it is a service of ECS Express Mode, which owns its task definition: UpdateService cannot change it"
    if controller != "ECS":
        return f"its deployment controller is {controller}, so ECS itself cannot deploy to it"
    return ""


def deployment_of(row: Mapping[str, Any]) -> ServiceDeployment:
    """Read a service deployment, whole or from the list."""
    target = row.get("targetServiceRevision", {})
    breaker, alarms = row.get("deploymentCircuitBreaker", {}), row.get("alarms", {})
    configuration = row.get("deploymentConfiguration", {})
    early = configuration.get("earlySuccessCriteria", {})
    hooks = row.get("lifecycleHookDetails", ())
    return ServiceDeployment(
        arn=row["serviceDeploymentArn"],
        target=target.get("arn", row.get("targetServiceRevisionArn", "")),
        status=row.get("status", ""),
        reason=row.get("statusReason", ""),
        stage=row.get("lifecycleStage", ""),
        rollback=row.get("rollback", {}).get("reason", ""),
        breaker=breaker.get("status", ""),
        failures=breaker.get("failureCount", 0),
        threshold=breaker.get("threshold", 0),
        alarms=tuple(alarms.get("triggeredAlarmNames", ())),
        requested=target.get("requestedTaskCount", 0),
        running=target.get("runningTaskCount", 0),
        weight=target.get("requestedProductionTrafficWeight"),
        early=early.get("healthyPercent", 0) if early.get("enable") else 0,
        waits=waits(configuration),
        pauses=tuple(_pause(hook) for hook in hooks if hook.get("status") == AWAITING),
    )


def _pause(hook: Mapping[str, Any]) -> HookPause:
    expires = hook.get("expiresAt")
    until = f"{expires:%Y-%m-%d %H:%M} UTC" if expires else "its timeout"
    return HookPause(hook.get("hookId", ""), until, hook.get("timeoutAction", "ROLLBACK"))


def task_of(row: Mapping[str, Any]) -> TaskFacts:
    containers = row.get("containers", ())
    return TaskFacts(
        arn=row["taskArn"],
        revision=row["taskDefinitionArn"],
        status=row.get("lastStatus", ""),
        digests={container["name"]: container.get("imageDigest", "") for container in containers},
        stop_code=row.get("stopCode", ""),
        reason=row.get("stoppedReason", ""),
        exits=tuple(
            Exit(container["name"], container.get("exitCode"), container.get("reason", ""))
            for container in containers
            if container.get("exitCode") or container.get("reason")
        ),
        stopped_at=f"{row.get('stoppedAt', '')}",
    )


def shape_of(shape: Any, above: tuple[str, ...] = ()) -> Shape:
    """Turn a shape of botocore's into plain mappings and lists."""
    if shape.name in above:  # it contains itself: nothing below is compared
        return None
    within = (*above, shape.name)
    if shape.type_name == "structure":
        return {name: shape_of(member, within) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [shape_of(shape.member, within)]
    return {ANY: shape_of(shape.value, within)} if shape.type_name == "map" else None
