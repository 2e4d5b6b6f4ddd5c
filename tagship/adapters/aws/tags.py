"""The tags of an account's resources, whatever made them.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html: one region's resources,
those that were deleted a short while ago among them. A resource without tags is not found.
"""

from __future__ import annotations

from collections.abc import Sequence

from tagship.adapters.aws.session import Aws

APP, ENVIRONMENT = "tagship:app", "tagship:environment"


def tagged(aws: Aws, app: str) -> Sequence[str]:
    """List the environments that resources of an app are tagged with."""
    filters = [{"Key": APP, "Values": [app]}, {"Key": ENVIRONMENT}]
    with aws.translated("asking which resources have tags of previews"):
        pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
        tags = [
            {tag["Key"]: tag["Value"] for tag in resource.get("Tags", ())}
            for page in pages
            for resource in page["ResourceTagMappingList"]
        ]
    return sorted({own[ENVIRONMENT] for own in tags if own.get(APP) == app and ENVIRONMENT in own})
