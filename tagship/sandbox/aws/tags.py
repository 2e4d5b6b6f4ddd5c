"""The tags of what a sandbox keeps by itself, for the Resource Groups Tagging API: moto knows of its own things alone.

Follows https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html, which moto answers.
Does not model: that what was deleted stays in the answer for a while, nor that what was just made is not in it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.core.resource_tagging import TaggedResource

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import AccountRegion

Tagged = Iterable[tuple[str, Mapping[str, str]]]  # ARN and tags


def tell(owner: type, kind: str, resources: Callable[[AccountRegion], Tagged]) -> None:
    """Have moto's backend of a service name what the sandbox keeps instead."""

    def answer(backend: Any) -> Iterator[TaggedResource]:
        for arn, tags in resources(AccountRegion(backend.region_name, backend.account_id)):
            yield TaggedResource(arn, dict(tags), kind)

    stock.replace(owner, "iter_tagged_resources", lambda _original: answer)
