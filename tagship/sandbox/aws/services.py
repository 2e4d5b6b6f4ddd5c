"""The services that differ from stock moto. Another one is a file with `install(world)`, and a line here.

Stock moto answers for EC2, IAM, STS and everything else that is not named here.
"""

from __future__ import annotations

from tagship.sandbox.aws import (
    accounts,
    autoscaling,
    calendars,
    cloudformation,
    cloudfront,
    ecr,
    ecs,
    instance_boots,
    instances,
    kms,
    lambda_,
    launch_templates,
    machine_images,
    s3,
    ssm,
)
from tagship.sandbox.door.keys import Keys
from tagship.sandbox.door.signed import Signed
from tagship.sandbox.world import World

SERVICES = (
    s3,
    accounts,
    cloudformation,
    cloudfront,
    kms,
    ssm,
    calendars,
    lambda_,
    ecs,
    ecr,
    launch_templates,
    machine_images,
    instance_boots,
    instances,
    autoscaling,
)


def install(world: World) -> None:
    """Install every service that differs into this world."""
    for service in SERVICES:
        service.install(world)


def application(keys: Keys) -> Signed:
    """Make the WSGI application that answers as AWS to who holds keys."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return Signed(DomainDispatcherApplication(create_backend_app), keys)
