"""Which stacks an account has in regions that nobody names.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html. Asked are the regions that the
account has switched on. One that refuses, as an organization may have it, is named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

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
    with ThreadPoolExecutor(AT_ONCE) as workers:
        answers = list(workers.map(partial(_in_region, aws, names), regions))
    pairs = list(zip(regions, answers, strict=True))
    named = [(region, name) for region, stacks in pairs for name in stacks or ()]
    return Elsewhere(named, [region for region, stacks in pairs if stacks is None])


def _in_region(aws: Aws, names: Collection[str], region: str) -> Sequence[str] | None:
    """List those of a region; None if it can't be asked."""
    asked = replace(aws, region=region, patience=5.0, attempts=2)
    try:
        with asked.translated(f"listing the stacks of {region}"):
            pages = asked.client("cloudformation").get_paginator("list_stacks").paginate(StackStatusFilter=[*THERE])
            return sorted({row["StackName"] for page in pages for row in page["StackSummaries"]} & set(names))
    except ServiceFailed:
        return None
