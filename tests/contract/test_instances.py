"""The sandbox's DescribeInstances: pages of instances, however many one reservation has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship.adapters.targets.ec2.instances import Instances
from tests.contract import strict_aws

COUNT = 12
TAG = {"Key": "fleet", "Value": "pages"}
OF_FLEET: Any = [{"Name": "tag:fleet", "Values": ["pages"]}]


@pytest.fixture(scope="module")
def ids() -> Iterator[list[str]]:
    """Of one reservation, and of another."""
    ec2: Any = strict_aws.aws().client("ec2")
    given = [{"ResourceType": "instance", "Tags": [TAG]}]
    counts = (COUNT - 2, 2)
    made = [
        instance["InstanceId"]
        for count in counts
        for instance in ec2.run_instances(
            ImageId="ami-0a5b1c2d3e4f50617", MinCount=count, MaxCount=count, TagSpecifications=given
        )["Instances"]
    ]
    yield made
    ec2.terminate_instances(InstanceIds=made)


def pages(size: int) -> list[list[str]]:
    paginator = strict_aws.aws().client("ec2").get_paginator("describe_instances")
    return [
        [instance["InstanceId"] for held in page["Reservations"] for instance in held["Instances"]]
        for page in paginator.paginate(Filters=OF_FLEET, PaginationConfig={"PageSize": size})
    ]


@pytest.mark.parametrize("size", [5, 6, 10, 11, 12, 1000])
def test_a_page_has_so_many_instances_and_each_is_on_one(ids: list[str], size: int) -> None:
    read = pages(size)
    assert [len(page) for page in read] == [len(ids[start : start + size]) for start in range(0, COUNT, size)]
    assert sorted(id_ for page in read for id_ in page) == sorted(ids)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 4}, "InvalidMaxResults"),
        ({"MaxResults": 1001}, "InvalidMaxResults"),
        ({"NextToken": "i-0123456789abcdef0"}, "InvalidNextToken"),
    ],
)
def test_what_ec2_refuses_is_refused(asked: Any, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        strict_aws.aws().once("ec2").describe_instances(**asked)
    assert caught.value.response["Error"]["Code"] == code


def test_what_is_asked_for_by_id_has_its_tags(ids: list[str]) -> None:
    answer: Any = strict_aws.aws().client("ec2").describe_instances(InstanceIds=ids[:1])
    assert answer["Reservations"][0]["Instances"][0]["Tags"] == [TAG]


def test_no_more_is_kept_of_an_instance_than_counts(ids: list[str]) -> None:
    running = Instances(strict_aws.aws(), {"fleet": "pages"}).running()
    assert sorted(row["InstanceId"] for row in running) == sorted(ids)
    assert {name for row in running for name in row} == {"InstanceId", "Tags", "Architecture"}
