"""Instances of moto's EC2, found and named without a request for each, and described a page at a time.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: MaxResults counts instances,
of which one reservation may have thousands. moto counts reservations, and reads all tags of EC2 for each instance.
Does not model: what an instance does; a host of tagship.sandbox.hosts stands behind each that the sandbox made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response
from moto.ec2.utils import passes_filter_dict

from tagship.sandbox.aws import stock
from tagship.sandbox.pairs import DEFAULT
from tagship.sandbox.world import World

SMALLEST, MOST = 5, 1000  # instances a page


def install(_world: World) -> None:
    """Replace moto's pages of reservations by pages of instances."""
    stock.replace(EC2Response, "describe_instances", _paged)
    stock.replace(TaggedEC2Resource, "get_tags", lambda _original: _tags)


def instances(region: str, account: str, filters: Mapping[str, Sequence[str]] | None = None) -> Iterator[Any]:
    """Yield the instances of a region, as moto's objects."""
    for reservation in stock.backend("ec2", region, account).all_reservations(filters=filters):
        yield from reservation.instances


def name(region: str, account: str, names: Mapping[str, str]) -> None:
    """Give instances, by their ids, their Name tags."""
    backend = stock.backend("ec2", region, account or DEFAULT)
    for instance, name_tag in names.items():
        backend.create_tags([instance], {"Name": name_tag})


def _tags(resource: Any) -> list[dict[str, str]]:
    """Read the tags of one resource."""
    tags: Mapping[str, str] = resource.ec2_backend.tags.get(resource.id, {})
    return [{"resource_id": resource.id, "key": key, "value": value} for key, value in tags.items()]


def _paged(original: Any) -> Callable[[Any], Any]:
    """Page what no ids were asked for."""

    def describe_instances(self: Any) -> Any:
        if self._get_param("InstanceIds", []):
            return original(self)
        self.error_on_dryrun()
        size = int(self._get_param("MaxResults", MOST))
        if not SMALLEST <= size <= MOST:
            raise EC2ClientError("InvalidMaxResults", f"The value of MaxResults has to be {SMALLEST} to {MOST}.")
        filters, token = self._filters_from_querystring(), self._get_param("NextToken")
        rows = _after(token, self.ec2_backend)
        passing = ((held, instance) for held, instance in rows if passes_filter_dict(instance, filters))
        page = list(islice(passing, size))
        more = next(passing, None)
        return ActionResult({"Reservations": _reservations(page), "NextToken": page[-1][1].id if more else None})

    return describe_instances


def _after(token: str | None, backend: Any) -> Iterator[tuple[Any, Any]]:
    """Yield reservations and instances after a token.

    It is the id of the last instance of the page before.
    """
    rows = ((held, instance) for held in backend.all_reservations() for instance in held.instances)
    if token and token not in (instance.id for _, instance in rows):
        raise EC2ClientError("InvalidNextToken", "The token has expired.")
    return rows


def _reservations(rows: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Group a page's instances by their reservations."""
    # Other pages may have more of them.
    parts = []
    for _, group in groupby(rows, key=lambda row: row[0].id):
        members = list(group)
        part = copy.copy(members[0][0])
        part.instances = [instance for _, instance in members]
        parts.append(part)
    return parts
