"""Roles as an account has them after `setup`, and clients that AWS would allow no more than their policies do.

Each call is judged before it is sent: a refusal is answered as AWS answers it, so that a verb meets it as there. The
statements are evaluated by tests/unit/test_policies.py; moto's own enforcement knows neither conditions nor most of
what is asked here. What came of it is kept, for those who want to know what was refused, and what nobody ever needed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from tagship.adapters.aws.session import Aws
from tests.permissions.requests import ACCOUNT, REGION, Facts, Request, missing, requests
from tests.unit.test_policies import applies

Statement = Mapping[str, Any]
HERE = f":{REGION}:{ACCOUNT}:"
GIVEN = "tagship-test-given"  # in a call's context: what its caller gave


@dataclass(frozen=True)
class Role:
    """Who asks: an ARN, and the statements of all its policies. `bucket` has those of each bucket's own policy."""

    name: str
    arn: str
    statements: Sequence[Statement]
    buckets: Mapping[str, Sequence[Statement]] = field(default_factory=dict)
    foreign: Collection[str] = ()  # buckets of other accounts, which have to grant it as well

    def allowing(self, request: Request) -> list[Statement]:
        """The statements that allow a request; none if one denies it."""
        context = {**request.context, "aws:PrincipalArn": self.arn}
        own = [one for one in self.statements if applies(one, request.action, request.resource, context)]
        bucket = request.resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        there = [one for one in self.buckets.get(bucket, ()) if applies(one, request.action, request.resource, context)]
        if any(one["Effect"] == "Deny" for one in [*own, *there]):
            return []
        if bucket in self.foreign and not any(one["Effect"] == "Allow" for one in there):
            return []
        return [one for one in own if one["Effect"] == "Allow"]


@dataclass
class Minutes:
    """What was asked: by whom, while which verb ran, and what was refused."""

    asked: dict[tuple[str, Request, str], bool] = field(default_factory=dict)  # role, request, its context -> allowed
    refused: dict[tuple[str, str, str, str], int] = field(default_factory=Counter)  # role, verb, action, resource
    used: set[tuple[str, str, str]] = field(default_factory=set)  # role, statement's name, what of it was used
    verb: str = ""

    def allowed(self, role: Role, request: Request) -> bool:
        allowing = role.allowing(request)
        self.asked[role.name, request, json.dumps(request.context, sort_keys=True)] = bool(allowing)
        if not allowing:
            self.refused[role.name, self.verb, request.action, request.resource] += 1
        for statement in allowing:
            for element, value in (("Action", request.action), ("Resource", request.resource)):
                self.used |= {(role.name, statement["Sid"], part) for part in _fitting(statement, element, value)}
        return bool(allowing)


def parts(statement: Statement) -> list[str]:
    """What a statement grants, piece by piece: each action, each resource."""
    return [part for element in ("Action", "Resource") for part in _list(statement[element])]


def _fitting(statement: Statement, element: str, value: str) -> list[str]:
    request = {"Action": "*", "Resource": "*", element: None}
    action, resource = (value, "*") if element == "Action" else ("*", value)
    return [part for part in _list(statement[element]) if applies({**request, element: part}, action, resource, {})]


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Acting(Aws):
    """Clients of a role: what its policies do not allow is refused."""

    role: Role = Role("nobody", "", ())
    minutes: Minutes = field(default_factory=Minutes)
    facts: Facts | None = None

    def _session(self) -> Any:
        core: Any = super()._session()
        core.register("before-parameter-build.*.*", self._keep)
        core.register("before-call.*.*", self._judge)
        core.register("after-call.*.*", self._hide)
        return core

    def _keep(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[GIVEN] = dict(params)

    def _judge(self, model: Any, context: Mapping[str, Any], **_: Any) -> Any:
        """Answer in AWS's place if something is not allowed."""
        assert self.facts
        service, operation = _name(model), model.name
        for request in map(self._there, requests(service, operation, context[GIVEN], self.facts)):
            if not self.minutes.allowed(self.role, request):
                return SimpleNamespace(status_code=403, headers={}), self._denial(request)
        return None

    def _there(self, request: Request) -> Request:
        """The same request in the client's region, and in the account of its role."""
        place = f":{self.region}:{self.role.arn.split(':')[4]}:"
        context = {key: value.replace(HERE, place) for key, value in request.context.items()}
        return replace(request, resource=request.resource.replace(HERE, place), context=context)

    def _hide(
        self, http_response: Any, parsed: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any
    ) -> None:
        """Say of what is not there what S3 says to those who may not list."""
        looked = missing(_name(model), model.name, context[GIVEN]) if http_response.status_code == 404 else None
        if looked and not self.minutes.allowed(self.role, looked):
            http_response.status_code = 403
            parsed |= self._denial(looked)

    def _denial(self, request: Request) -> dict[str, Any]:
        text = f"User: {self.role.arn} is not authorized to perform: {request.action} on resource: {request.resource}"
        return {
            "Error": {"Code": "AccessDenied", "Message": text},
            "ResponseMetadata": {"HTTPStatusCode": 403, "RequestId": "judged-here", "HTTPHeaders": {}},
        }


def _name(model: Any) -> str:
    name: str = model.service_model.service_name
    return name
