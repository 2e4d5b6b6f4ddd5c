"""Lifecycle rules of ECR and S3, read for what they do to what a rollback wants.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

UNREADABLE = frozenset({"GLACIER", "DEEP_ARCHIVE"})  # an object there has to be restored first, for hours


def expiries(policy: str, tags: Sequence[str], wanted: int) -> list[str]:
    """Say which rules delete images with such tags.

    `wanted` is how many versions one may go back to: a rule that keeps as many does no harm.
    """
    rules = json.loads(policy).get("rules", ()) if policy else ()
    return [words for rule in rules if (words := _expiry(rule.get("selection", {}), tags, wanted))]


def bucket_expiries(rules: Sequence[Mapping[str, Any]], prefix: str) -> list[str]:
    """Say which rules delete or archive what is under a prefix."""
    chosen = [rule for rule in rules if rule.get("Status") == "Enabled" and _meets(rule, prefix)]
    return [words for rule in chosen for words in _of_bucket(rule)]


def _meets(rule: Mapping[str, Any], prefix: str) -> bool:
    """Tell whether a rule is about something under a prefix."""
    chosen = rule.get("Filter") or {}
    own = str(rule.get("Prefix") or chosen.get("Prefix") or chosen.get("And", {}).get("Prefix") or "")
    return prefix.startswith(own) or own.startswith(prefix)


def _of_bucket(rule: Mapping[str, Any]) -> Iterator[str]:
    name, expiration = rule.get("ID") or "without a name", rule.get("Expiration", {})
    if "Days" in expiration or "Date" in expiration:
        yield f"its rule {name} deletes an object {_when(expiration)}, even if it serves"
    for transition in rule.get("Transitions", ()):
        if transition.get("StorageClass") in UNREADABLE:
            where = transition["StorageClass"]
            yield f"its rule {name} moves an object to {where} {_when(transition)}, and nothing is deployed from there"


def _when(step: Mapping[str, Any]) -> str:
    return f"{step['Days']} days after it was stored" if "Days" in step else f"on {str(step.get('Date'))[:10]}"


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
