"""What requests to Lambda say, and the errors that they can end in."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.core.responses import ActionResult, EmptyResult

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import Apart

Given = Mapping[str, Any]

SET = (
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "Runtime",
    "Architectures",
    "SnapStart",
)
DEFAULTS = {"Description": "", "Timeout": 3, "MemorySize": 128, "Architectures": ["x86_64"]}
IN_PROGRESS = "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
OTHER_REVISION = (
    "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the "
    "latest RevisionId"
)


def chosen_of(given: Given, *names: str) -> dict[str, Any]:
    """Return those members that a request gives."""
    return {name: given[name] for name in names if name in given}


class LambdaError(LambdaClientError):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = status


def not_found(kind: str, arn: str) -> LambdaError:
    return LambdaError("ResourceNotFoundException", f"{kind} not found: {arn}", 404)


def put(name: str, apart: Apart[Any]) -> None:
    """Put an operation in the place of moto's."""
    stock.replace(LambdaResponse, name, functools.partial(_operation, name, apart))


def _operation(name: str, apart: Apart[Any], _original: Any) -> Callable[[Any], ActionResult]:
    """Wrap an operation as moto calls it, for a request's region."""

    def answer(request: Any) -> ActionResult:
        act = next(act for act in apart.of(request).operations if act.__name__ == name)
        value = act(_read(request, name == "invoke"))
        return EmptyResult() if value is None else ActionResult(value)

    return answer


def _read(request: Any, is_payload: bool) -> Given:
    """Read a request's members from path, query and body."""
    _, _, _, *path = unquote(request.parsed_url.path).split("/")
    given: dict[str, Any] = {name: values[0] for name, values in request.querystring.items()}
    if is_payload:
        body = request.body or b""
        given |= {
            "Payload": body if isinstance(body, bytes) else body.encode(),
            "LogType": request.headers.get("X-Amz-Log-Type", "None"),
        }
    elif request.body:
        given |= json.loads(request.body)
    if path:
        name, colon, qualifier = path[0].rpartition(":function:")[2].partition(":")
        given |= {"FunctionName": name} | ({"Qualifier": qualifier} if colon else {})
    if len(path) > 2 and path[1] == "aliases":
        given["Name"] = path[2]
    return given


def check_revision(given: Given, current: str) -> None:
    if given.get("RevisionId") not in (None, current):
        raise LambdaError("PreconditionFailedException", OTHER_REVISION, 412)
