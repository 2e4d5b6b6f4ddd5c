"""Services, deployments, revisions and tasks as ECS's API describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.rollout import Rollout
from tagship.sandbox.ecs.service import EVENTS, Service
from tagship.sandbox.ecs.task import Container, Task

SHOWN = (  # members of a request that an answer repeats
    "loadBalancers",
    "serviceRegistries",
    "desiredCount",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "taskDefinition",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "deploymentController",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
    "resourceManagementType",
)


def given(**members: Any) -> dict[str, Any]:
    """Leave out what is None or empty."""
    return {name: value for name, value in members.items() if value not in (None, "", [], ())}


def tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def service(held: Service, current: str, *, with_tags: bool = False) -> dict[str, Any]:
    """Describe a service; `current` is the deployment that it says is its."""
    counts = _counts([task for task in held.tasks if task.wanted])
    answer = {name: held.settings[name] for name in SHOWN if name in held.settings}
    return {
        **answer,
        "serviceArn": held.arn,
        "serviceName": held.name,
        "clusterArn": held.cluster,
        "status": held.status,
        "createdAt": held.created,
        "runningCount": counts["runningCount"],
        "pendingCount": counts["pendingCount"],
        "deployments": _deployments(held),
        "events": [
            {"id": event.id, "createdAt": event.at, "message": event.message}
            for event in reversed(held.events[-EVENTS:])
        ],
        **given(currentServiceDeployment=current, currentServiceRevisions=_current(held)),
        **({"tags": tags(held.tags)} if with_tags else {}),
    }


def _current(held: Service) -> list[dict[str, Any]]:
    standing = held.rollout.standing
    return [
        _summary(held, revision) for revision in held.revisions.values() if held.of(revision) or revision == standing
    ]


def _deployments(held: Service) -> list[dict[str, Any]]:
    """Describe the old view of deployments: PRIMARY first, then what still runs."""
    primary = held.rollout.standing
    rows = [revision for revision in held.revisions.values() if revision != primary and _lingers(held, revision)]
    return [_deployment(held, primary, "PRIMARY"), *[_deployment(held, row, "ACTIVE") for row in reversed(rows)]]


def _lingers(held: Service, revision: Revision) -> bool:
    """Tell whether one that isn't the PRIMARY is still shown."""
    newest = held.rollout
    return bool(held.of(revision)) or (newest.active and newest.rollback is not None and newest.target == revision)


def _deployment(held: Service, revision: Revision, status: str) -> dict[str, Any]:
    state, reason = _rollout_state(held, revision)
    failures = [rollout.breaker.failures for rollout in held.rollouts if rollout.target == revision]
    return {
        "id": revision.deployment,
        "status": status,
        "taskDefinition": revision.definition,
        "desiredCount": held.desired if status == "PRIMARY" else 0,
        **_counts(held.of(revision)),
        "failedTasks": sum(failures[-1:]),
        "createdAt": revision.created,
        "updatedAt": held.rollout.updated or revision.created,
        "rolloutState": state,
        "rolloutStateReason": reason,
        **given(launchType=held.settings.get("launchType"), platformVersion=revision.settings.get("platformVersion")),
    }


def _rollout_state(held: Service, revision: Revision) -> tuple[str, str]:
    """Say how the deployment of a revision goes, as `deployments[]` does."""
    name, newest = revision.deployment, held.rollout
    if newest.rollback and newest.target == revision:
        return "FAILED", f"ECS deployment {name} failed: {newest.reason}"
    if newest.standing == revision and newest.halted:
        return "FAILED", f"ECS deployment {name} failed: {newest.reason}"
    if newest.standing == revision and newest.active:
        return "IN_PROGRESS", f"ECS deployment {name} in progress."
    return "COMPLETED", f"ECS deployment {name} completed."


def _counts(rows: Sequence[Task]) -> dict[str, int]:
    running = sum(task.last_status == "RUNNING" for task in rows)
    pending = sum(task.last_status == "PENDING" for task in rows)
    return {"runningCount": running, "pendingCount": pending}


def _summary(held: Service, revision: Revision) -> dict[str, Any]:
    counts = _counts(held.of(revision))
    return {
        "arn": revision.arn,
        "requestedTaskCount": sum(task.wanted for task in held.of(revision)),
        "runningTaskCount": counts["runningCount"],
        "pendingTaskCount": counts["pendingCount"],
    }


def brief(held: Service, rollout: Rollout) -> dict[str, Any]:
    """Describe a deployment as a list has it."""
    return {
        **_identity(held, rollout),
        "targetServiceRevisionArn": rollout.target.arn,
        "status": rollout.status,
        **given(startedAt=rollout.started, finishedAt=rollout.finished, statusReason=rollout.reason),
    }


def _identity(held: Service, rollout: Rollout) -> dict[str, Any]:
    return {
        "serviceDeploymentArn": rollout.arn,
        "serviceArn": held.arn,
        "clusterArn": held.cluster,
        "createdAt": rollout.created,
    }


def deployment(held: Service, rollout: Rollout) -> dict[str, Any]:
    """Describe a deployment whole."""
    monitors = {"deploymentCircuitBreaker": _breaker(rollout)} if rollout.strategy.weights is None else {}
    alarms = given(alarmNames=rollout.alarms.names, triggeredAlarmNames=rollout.alarms.triggered)
    return {
        **_identity(held, rollout),
        "status": rollout.status,
        "updatedAt": rollout.updated or rollout.created,
        "targetServiceRevision": _summary(held, rollout.target) | _weights(rollout, is_target=True),
        "sourceServiceRevisions": [
            _summary(held, source) | _weights(rollout, is_target=False) for source in rollout.sources
        ],
        "deploymentConfiguration": held.settings.get("deploymentConfiguration", {}),
        "alarms": {"status": rollout.alarms.status, **alarms},
        **monitors,
        **given(
            startedAt=rollout.started,
            finishedAt=rollout.finished,
            stoppedAt=rollout.stopped,
            statusReason=rollout.reason,
            lifecycleStage=rollout.strategy.stage,
            lifecycleHookDetails=rollout.strategy.hooks,
            rollback=_rollback(rollout),
        ),
    }


def _breaker(rollout: Rollout) -> dict[str, Any]:
    breaker = rollout.breaker
    return {"status": breaker.status, "failureCount": breaker.failures, "threshold": breaker.threshold}


def _weights(rollout: Rollout, *, is_target: bool) -> dict[str, float]:
    if rollout.strategy.weights is None:
        return {}
    production, test = rollout.strategy.weights
    return {
        "requestedProductionTrafficWeight": production if is_target else 100.0 - production,
        "requestedTestTrafficWeight": test if is_target else 100.0 - test,
    }


def _rollback(rollout: Rollout) -> dict[str, Any] | None:
    back = rollout.rollback
    if back is None:
        return None
    return {"reason": back.reason, "startedAt": back.started, "serviceRevisionArn": back.revision.arn}


def revision(held: Service, of: Revision) -> dict[str, Any]:
    """Describe a service revision."""
    return {
        **of.settings,
        "serviceRevisionArn": of.arn,
        "serviceArn": held.arn,
        "clusterArn": held.cluster,
        "containerImages": list(of.images),
        "createdAt": of.created,
        **given(launchType=held.settings.get("launchType")),
    }


def task(cluster: str, of: Task) -> dict[str, Any]:
    """Describe a task and its containers; `cluster` is an ARN."""
    arn = f"{cluster.replace(':cluster/', ':task/')}/{of.id}"
    times = given(startedAt=of.started, stoppingAt=of.stopping, stoppedAt=of.stopped, executionStoppedAt=of.stopped)
    return {
        "taskArn": arn,
        "clusterArn": cluster,
        "taskDefinitionArn": of.revision.definition,
        "group": of.group,
        "createdAt": of.created,
        "desiredStatus": of.desired,
        **of.status(),
        "containers": [_container(of, *pair, arn) for pair in zip(of.containers, of.revision.images, strict=True)],
        "attachments": [_attachment(of)],
        **times,
        **given(stopCode=of.stop_code, stoppedReason=of.reason, launchType=of.launch_type, startedBy=of.started_by),
    }


def _container(of: Task, container: Container, image: Mapping[str, str], arn: str) -> dict[str, Any]:
    status = of.status() | ({"lastStatus": "STOPPED"} if container.exit_code is not None else {})
    return {
        "containerArn": f"{arn.replace(':task/', ':container/')}/{image['containerName']}",
        "taskArn": arn,
        "name": image["containerName"],
        "image": image["image"],
        **status,
        **given(
            imageDigest="" if container.reason else image["imageDigest"],
            exitCode=container.exit_code,
            reason=container.reason,
        ),
    }


def _attachment(of: Task) -> dict[str, Any]:
    details = [{"name": "privateIPv4Address", "value": of.address}]
    status = "DELETED" if of.over else "ATTACHED"
    return {"id": of.id, "type": "ElasticNetworkInterface", "status": status, "details": details}
