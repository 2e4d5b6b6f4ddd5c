"""Instances that are run with user data: tagship's own boots a machine, which ends with its instance."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract import strict_aws

OURS = """#!/bin/sh
# First boot of hello on dev.
# Packed below
export APP=hello
export DEPLOYMENT_KEY=hello/dev/0.1.0-dev/deploy-bundle.tar.gz
"""


@pytest.fixture
def ec2() -> Any:
    return strict_aws.aws().once("ec2")


def run(ec2: Any, **more: Any) -> str:
    answer = ec2.run_instances(ImageId="ami-0a5b1c2d3e4f50617", MinCount=1, MaxCount=1, InstanceType="t3.micro", **more)
    return str(answer["Instances"][0]["InstanceId"])


def test_tagships_user_data_boots_a_machine_that_ends_with_its_instance(ec2: Any) -> None:
    instance = run(ec2, UserData=OURS)
    machine: Any = strict_aws.world().machines[instance]
    until = time.monotonic() + 10
    while not machine.serving and time.monotonic() < until:
        time.sleep(0.05)
    assert machine.serving == "0.1.0-dev"
    ec2.terminate_instances(InstanceIds=[instance])
    assert instance not in strict_aws.world().machines


@pytest.mark.parametrize("more", [{}, {"UserData": "#!/bin/sh\nrm -rf /\n"}], ids=["none", "anybody else's"])
def test_nothing_else_is_run(ec2: Any, more: Any) -> None:
    assert run(ec2, **more) not in strict_aws.world().machines
