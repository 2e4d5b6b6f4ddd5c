"""What SSM's operations are asked for: limits, filters and pages. See tagship.sandbox.aws.ssm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tagship.sandbox.aws.documents import Invalid
from tagship.sandbox.hosts.commands import Command

MOST_IDS, MOST_TARGETS, LONGEST_COMMENT = 50, 5, 100
DELIVERY = range(30, 2_592_001)  # seconds
AMOUNTS = (
    ("MaxConcurrency", r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%"),
    ("MaxErrors", r"0|[1-9][0-9]{0,6}|[0-9]%|[1-9][0-9]%|100%"),
)
LARGEST_PAGE = 50
RUNNING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
NODE_FILTERS = {  # the answer's members have the keys' names, but for one
    "InstanceIds": "InstanceId",
    "PingStatus": "PingStatus",
    "PlatformTypes": "PlatformType",
    "AgentVersion": "AgentVersion",
}


def ids(request: Any) -> list[str]:
    return list(request._get_param("InstanceIds") or [])


def targets(request: Any) -> list[Mapping[str, Any]]:
    return list(request._get_param("Targets") or [])


def parameters(request: Any) -> dict[str, Sequence[str]]:
    """Return the document's parameters, each a list."""
    given = request._get_param("Parameters") or {}
    return {key: [value] if isinstance(value, str) else value for key, value in given.items()}


def check_limits(request: Any) -> None:
    """Refuse what SendCommand refuses at first sight. Raises Invalid."""
    instance_ids, wanted_targets = ids(request), targets(request)
    if not instance_ids and not wanted_targets:
        raise Invalid("ValidationException", "InstanceIds or Targets must be specified")
    _at_most(MOST_IDS, "instanceIds", instance_ids)
    _at_most(MOST_TARGETS, "targets", wanted_targets)
    if len(set(instance_ids)) != len(instance_ids):
        raise Invalid("DuplicateInstanceId", "You can't specify an instance ID in more than one association.")
    _at_most(LONGEST_COMMENT, "comment", request._get_param("Comment") or "")
    timeout = request._get_param("TimeoutSeconds")
    if timeout is not None and int(timeout) not in DELIVERY:
        raise Invalid("ValidationException", f"Value '{timeout}' at 'timeoutSeconds' must be from 30 to 2592000")
    for name, pattern in AMOUNTS:
        value = request._get_param(name)
        if value and not re.fullmatch(pattern, value):
            raise Invalid("ValidationException", f"Value '{value}' at '{name}' failed to satisfy the pattern {pattern}")


def _at_most(limit: int, name: str, value: Sequence[Any]) -> None:
    if len(value) > limit:
        rule = f"Member must have length less than or equal to {limit}"
        raise Invalid(
            "ValidationException",
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: {rule}",
        )


def filters(request: Any) -> list[tuple[str, str]]:
    """Return the filters of commands and invocations."""
    return [(filter_["key"], filter_["value"]) for filter_ in request._get_param("Filters") or []]


def passes(key: str, value: str, state: tuple[str, str], command: Command) -> bool:
    """Return whether a state passes a filter. Raises Invalid if unknown."""
    match key:
        case "Status":
            return value in state
        case "DocumentName":
            return value == command.sent.document
        case "InvokedAfter":
            return command.requested >= _moment(value)
        case "InvokedBefore":
            return command.requested < _moment(value)
        case "ExecutionStage":
            return (value == "Executing") == (state[0] in RUNNING)
    raise Invalid("InvalidFilterKey", f"The filter key {key} is not valid.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError as reason:
        raise Invalid("ValidationException", f"{text} is not a time") from reason


def node_filters(request: Any) -> list[tuple[str, Sequence[str]]]:
    """Return DescribeInstanceInformation's filters, named as the answer's members."""
    # In both of their spellings.
    asked = [(filter_["Key"], filter_["Values"]) for filter_ in request._get_param("Filters") or []]
    asked += [
        (filter_["key"], filter_["valueSet"]) for filter_ in request._get_param("InstanceInformationFilterList") or []
    ]
    for key, _ in asked:
        if key not in NODE_FILTERS and not key.startswith("tag"):
            raise Invalid("InvalidFilterKey", f"The filter key {key} is not valid.")
    return [(NODE_FILTERS.get(key, key), values) for key, values in asked]


def page(request: Any, name: str, rows: Sequence[Any], smallest: int = 1) -> dict[str, Any]:
    """Return one page of an answer. Raises Invalid."""
    size, token = int(request._get_param("MaxResults") or LARGEST_PAGE), request._get_param("NextToken") or "0"
    if not smallest <= size <= LARGEST_PAGE:
        raise Invalid("ValidationException", f"Value '{size}' at 'maxResults' must be from {smallest} to 50")
    if not token.isdigit():
        raise Invalid("InvalidNextToken", "The specified token is not valid.")
    start = int(token)
    more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return {name: list(rows[start : start + size]), **more}
