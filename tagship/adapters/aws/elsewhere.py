"""Which stacks an account has in regions that nobody names.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html. Asked are the regions that the
account has switched on. One that refuses, as an organization may have it, is named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Thread

from tagship.adapters.aws.session import Aws
from tagship.errors import ServiceFailed
from tagship.ports.account import Elsewhere

AT_ONCE = 8  # regions
THERE = (
    "CREATE_COMPLETE", "CREATE_FAILED", "CREATE_IN_PROGRESS", "DELETE_FAILED", "DELETE_IN_PROGRESS",
    "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS",
)  # fmt: skip


def stacks_elsewhere(aws: Aws, names: Collection[str]) -> Elsewhere:
    """List which of these stacks other regions have."""
    with aws.translated("asking which regions the account has"):
        rows = aws.client("ec2").describe_regions()["Regions"]
    regions = sorted({row["RegionName"] for row in rows} - {aws.region})
    stacks: dict[str, Sequence[str]] = {}
    # Not a pool: a process waits for a pool at its end, when nobody waits for this answer.
    asking = [Thread(target=_ask, args=(aws, names, regions[n::AT_ONCE], stacks), daemon=True) for n in range(AT_ONCE)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    named = [(region, name) for region in regions for name in stacks.get(region, ())]
    return Elsewhere(named, [region for region in regions if region not in stacks])


def _ask(aws: Aws, names: Collection[str], regions: Sequence[str], stacks: dict[str, Sequence[str]]) -> None:
    """List the stacks of the regions that can be asked."""
    for region in regions:
        with suppress(ServiceFailed):
            stacks[region] = _in_region(aws, names, region)


def _in_region(aws: Aws, names: Collection[str], region: str) -> Sequence[str]:
    """List those of a region. Raises ServiceFailed."""
    asked = replace(aws, region=region, patience=5.0, attempts=2)
    with asked.translated(f"listing the stacks of {region}"):
        pages = asked.client("cloudformation").get_paginator("list_stacks").paginate(StackStatusFilter=[*THERE])
        return sorted({row["StackName"] for page in pages for row in page["StackSummaries"]} & set(names))
