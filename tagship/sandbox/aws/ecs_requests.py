"""What requests to ECS say, and the errors that they can end in."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from moto.ecs.exceptions import ECSException
from moto.ecs.responses import EC2ContainerServiceResponse

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import Apart

Given = Mapping[str, Any]
Act = Callable[[Given], dict[str, Any]]
Answer = tuple[int, dict[str, str], str]
Row = TypeVar("Row")


@dataclass
class Faults:
    """What a test asks for."""

    stale_reads: int = 1
    listed_after: float = 0.3  # seconds
    throttled: int = 0

    def throttle(self) -> None:
        """Use up one of the planned refusals."""
        if self.throttled:
            self.throttled -= 1
            raise EcsError("ThrottlingException", "Rate exceeded")


class EcsError(ECSException):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def refused(message: str) -> EcsError:
    return EcsError("ClientException", message)


def invalid(message: str) -> EcsError:
    return EcsError("InvalidParameterException", message)


def last(identifier: str) -> str:
    """Return the name at the end of an ARN."""
    # A name is returned as it is.
    return identifier.rpartition("/")[2]


def put(name: str, apart: Apart[Any], lock: AbstractContextManager[Any]) -> None:
    """Put an operation, one at a time, in the place of moto's."""
    stock.replace(EC2ContainerServiceResponse, name, functools.partial(_operation, name, apart, lock))


def _operation(
    name: str, apart: Apart[Any], lock: AbstractContextManager[Any], _original: Any
) -> Callable[[Any], Answer]:
    """Wrap an operation as moto calls it, for a request's region."""

    # What it answers is sent as it is: moto's own serialiser would drop a member that no model knows.
    def answer(request: Any) -> Answer:
        with lock:
            act = apart.of(request).operations[name]
            value = act(json.loads(request.body or "{}"))
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value, default=_seconds)

    return answer


def _seconds(value: datetime) -> float:
    return value.timestamp()


def page(given: Given, rows: Sequence[Row], default: int) -> tuple[Sequence[Row], dict[str, str]]:
    """Return a page of a list, and its nextToken beside."""
    first, most = int(given.get("nextToken") or 0), int(given.get("maxResults") or default)
    more = {"nextToken": str(first + most)} if first + most < len(rows) else {}
    return rows[first : first + most], more
