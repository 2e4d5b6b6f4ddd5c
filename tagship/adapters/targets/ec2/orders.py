"""Orders to hosts, from changes and the environment's settings."""

from __future__ import annotations

from tagship.domain.change import Change
from tagship.domain.ec2.order import NOTHING, Order
from tagship.settings import Settings
from tagship.settings.ec2 import Hosts

ANSWER_WITHIN = 60  # seconds that a host may take to say what it runs: one that hangs is not waited for longer


def order(settings: Settings, ec2: Hosts, change: Change) -> Order:
    """Make the order that carries out a change."""
    return Order(
        action="rollback" if change.backward else change.action,  # a host deploys nothing older than what ran there
        app=change.app,
        environment=change.environment,
        artifact_id=change.artifact_id,
        manifest_sha256=change.manifest_sha256,
        deployment_id=change.deployment_id,
        fence=change.fence,
        bucket=settings.aws.bucket,
        region=settings.aws.region,
        timeout=ec2.timeout,
        unsigned="allowed" if change.allow_unsigned else "refused",
        numbers=ec2.numbers(settings.environment(change.environment).health),
    )


def question(settings: Settings, ec2: Hosts, environment: str) -> Order:
    """Make the order that asks a host what it runs."""
    # It names no artifact, and has less time than an action.
    chosen = settings.environment(environment)
    return Order(
        action="status",
        app=settings.app,
        environment=environment,
        artifact_id=NOTHING,
        manifest_sha256=NOTHING,
        deployment_id=NOTHING,
        fence=0,
        bucket=settings.aws.bucket,
        region=settings.aws.region,
        timeout=min(ec2.timeout, ANSWER_WITHIN),
        unsigned="allowed" if chosen.allow_unsigned else "refused",
        numbers=ec2.numbers(chosen.health),
    )
