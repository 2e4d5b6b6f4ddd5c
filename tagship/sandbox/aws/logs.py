"""CloudWatch Logs: FilterLogEvents as AWS answers it.

Follows https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: prefixes of
streams, the order of events over all streams, the bounds of a page, and pages that are empty though others follow. moto
knows no prefix, sorts each stream by itself, and never gives an empty page. Does not model: patterns, expiry of tokens.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from moto.core.exceptions import JsonRESTError

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.pace import now

MOST = 10_000  # events a page
BYTES = 1024 * 1024  # of messages a page


def filtered(request: Any) -> str:
    """Answer FilterLogEvents."""
    names, prefix = request._get_param("logStreamNames", []), request._get_param("logStreamNamePrefix", "")
    limit = int(request._get_param("limit") or MOST)
    if names and prefix:
        raise _invalid("Cannot specify both logStreamNames and logStreamNamePrefix")
    if not 1 <= limit <= MOST:
        raise _invalid(f"Value '{limit}' at 'limit' failed to satisfy constraint: between 1 and {MOST}")
    streams = _streams(request, names, prefix)
    events = sorted(
        _events(request, streams), key=lambda row: (row["timestamp"], row["ingestionTime"], int(row["eventId"]))
    )
    token = request._get_param("nextToken")
    if token is None and events and prefix:  # it has searched some streams, and found nothing there yet
        return json.dumps({"events": [], "searchedLogStreams": [], "nextToken": "0"})
    return json.dumps(_page(events, int(token or 0), limit))


def _streams(request: Any, names: list[str], prefix: str) -> list[Any]:
    groups, group = request.logs_backend.groups, request._get_param("logGroupName")
    if group not in groups or any(name not in groups[group].streams for name in names):
        raise JsonRESTError("ResourceNotFoundException", "The specified log group or log stream does not exist.")
    every = groups[group].streams
    return [stream for name, stream in every.items() if name.startswith(prefix) and (not names or name in names)]


def _events(request: Any, streams: list[Any]) -> Iterator[dict[str, Any]]:
    start, end = request._get_param("startTime") or 0, request._get_param("endTime") or float("inf")
    for stream in streams:
        for event in stream.events:
            if start <= event.timestamp <= end:
                yield {**event.to_filter_dict(), "logStreamName": stream.log_stream_name}


def _page(events: list[dict[str, Any]], begin: int, limit: int) -> dict[str, Any]:
    end, size = begin, 0
    while end < len(events) and end - begin < limit:
        size += len(events[end]["message"].encode())
        if size > BYTES and end > begin:
            break
        end += 1
    follows = {"nextToken": str(end)} if end < len(events) else {}
    return {"events": events[begin:end], "searchedLogStreams": [], **follows}


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("InvalidParameterException", message)


def function_wrote(place: AccountRegion, function: str, version: str, log: str) -> None:
    """Write an invocation's log as Lambda does: it makes the group itself.

    A version's lines are in a stream of its own (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html).
    """
    logs, group, at = stock.backend("logs", place.region, place.account), f"/aws/lambda/{function}", now()
    stream = f"{at:%Y/%m/%d}/[{version}]{uuid.uuid5(uuid.NAMESPACE_OID, function + version).hex}"
    request = uuid.uuid4()
    lines = [f"START RequestId: {request} Version: {version}", *log.splitlines(), f"END RequestId: {request}"]
    logs.ensure_log_group(group)
    logs.ensure_log_stream(group, stream)
    when = int(at.timestamp() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": when, "message": line or " "} for line in lines])
