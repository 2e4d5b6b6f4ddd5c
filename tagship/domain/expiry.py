"""An ECR lifecycle policy, read for what it does to images that a rollback wants.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def expiries(policy: str, tags: Sequence[str], wanted: int) -> list[str]:
    """Say which rules delete images with such tags.

    `wanted` is how many versions one may go back to: a rule that keeps as many does no harm.
    """
    rules = json.loads(policy).get("rules", ()) if policy else ()
    return [words for rule in rules if (words := _expiry(rule.get("selection", {}), tags, wanted))]


def _expiry(selection: Mapping[str, Any], tags: Sequence[str], wanted: int) -> str:
    count = int(selection.get("countNumber", 0))
    if not any(_selects(selection, tag) for tag in tags):
        return ""
    if selection.get("countType") == "imageCountMoreThan":
        return f"keeps the newest {count} images alone" if count < wanted else ""
    return f"deletes an image {count} days after its push, even if it serves"


def _selects(selection: Mapping[str, Any], tag: str) -> bool:
    status = selection.get("tagStatus")
    prefixes, patterns = selection.get("tagPrefixList", ()), selection.get("tagPatternList", ())
    by_name = any(map(tag.startswith, prefixes)) or any(fnmatchcase(tag, pattern) for pattern in patterns)
    return status == "any" or (status == "tagged" and by_name)
