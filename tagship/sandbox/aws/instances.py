"""Instances of moto's EC2, found and named without a request for each: a fleet has hundreds.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html for its filters, as moto has
them. Does not model: what an instance does; a host of tagship.sandbox.hosts stands behind each that the sandbox made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagship.sandbox.aws import stock
from tagship.sandbox.pairs import DEFAULT


def instances(region: str, account: str, filters: Mapping[str, Sequence[str]] | None = None) -> Iterator[Any]:
    """Yield the instances of a region, as moto's objects."""
    for reservation in stock.backend("ec2", region, account).all_reservations(filters=filters):
        yield from reservation.instances


def name(region: str, account: str, names: Mapping[str, str]) -> None:
    """Give instances, by their ids, their Name tags."""
    backend = stock.backend("ec2", region, account or DEFAULT)
    for instance, name_tag in names.items():
        backend.create_tags([instance], {"Name": name_tag})
