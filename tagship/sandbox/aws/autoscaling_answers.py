"""What Auto Scaling's operations answer: the members of each answer. See tagship.sandbox.aws.autoscaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagship.sandbox.asg.group import Group, Member

KEPT = (
    "MinSize", "MaxSize", "DesiredCapacity", "DefaultCooldown", "AvailabilityZones", "HealthCheckType",
    "HealthCheckGracePeriod", "VPCZoneIdentifier", "TerminationPolicies", "NewInstancesProtectedFromScaleIn",
    "TargetGroupARNs", "LoadBalancerNames", "DefaultInstanceWarmup", "CapacityRebalance",
)  # fmt: skip
STANDARD: Mapping[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "AvailabilityZones": [],
    "LoadBalancerNames": [],
}

Given = Mapping[str, Any]


def kept(given: Given) -> dict[str, Any]:
    """Take what a group keeps of a request."""
    return {name: given[name] for name in KEPT if name in given}


def tag(group: str, tag: Given) -> dict[str, Any]:
    """Render a tag of a group."""
    return {"ResourceType": "auto-scaling-group", "PropagateAtLaunch": False, **tag, "ResourceId": group}


def described(group: Group) -> dict[str, Any]:
    """Render a group."""
    return {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "CreatedTime": group.created,
        "Instances": [instance(member) for member in group.members],
        "Tags": group.tags,
        **group.configuration.answer(),
        **group.settings,
    }


def instance(member: Member) -> dict[str, Any]:
    """Render an instance of a group."""
    return {
        "InstanceId": member.id,
        "AvailabilityZone": "us-east-1a",
        "LifecycleState": member.state,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": {
            "LaunchTemplateId": member.template,
            "LaunchTemplateName": member.name,
            "Version": member.version,
        },
        "ProtectedFromScaleIn": member.protected,
    }
