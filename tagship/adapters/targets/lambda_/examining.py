"""What `doctor` looks at of functions: alias, concurrency, URLs, and what Terraform would undo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.targets.lambda_.calls import Calls, Missing
from tagship.adapters.targets.lambda_.described import Configuration
from tagship.domain import aws_commands
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.text import listed
from tagship.errors import ServiceFailed

BOTH = (
    "lambda:InvokeFunctionUrl",
    "lambda:InvokeFunction",
)  # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html


@dataclass(frozen=True)
class FunctionExamination:
    """Examines functions that are called by an alias."""

    alias: str

    def of(self, calls: Calls) -> Sequence[Finding]:
        """Examine one function."""
        try:
            now = calls.configuration()
            return [self._function(calls, now), *self._concurrency(calls), *self._urls(calls)]
        except Missing:
            return []  # the units say so
        except ServiceFailed as reason:
            return [warning(calls.function, f"was not looked at: {reason.what.rstrip('.')}")]

    def _function(self, calls: Calls, now: Configuration) -> Finding:
        """Say how it is made, and what callers call."""
        name, made = calls.function, f"{now.packaged} for {now.architecture}"
        if now.unfit:
            return failing(name, f"can't be changed: {now.unfit}", "Take it out of tagship.toml")
        if now.state == "Failed":
            return failing(name, f"is Failed{f' ({now.problem})' if now.problem else ''}", "Deploy to it, or mend it")
        if not self.alias:
            words = f"{made}; callers meet a version before it has been asked: it has no alias"
            return warning(name, words, "Give it an alias, and set lambda.alias in tagship.toml")
        try:
            return ok(name, f"{made}; {self.alias} is version {calls.alias().version}")
        except Missing:
            return ok(name, f"{made}; the first deployment makes its alias {self.alias}")

    def _concurrency(self, calls: Calls) -> Iterator[Finding]:
        if calls.reserved() == 0:
            fix = aws_commands.unreserve(calls.function, calls.aws.where)
            yield failing(calls.function, "its reserved concurrency is 0: every invocation is refused", fix)
        provisioned = calls.provisioned() if self.alias else None
        if provisioned and provisioned.failed:
            yield failing(
                calls.function,
                f"the provisioned concurrency of {self.alias} failed: {provisioned.reason}",
                "Give the account or the function enough concurrency",
            )

    def _urls(self, calls: Calls) -> Iterator[Finding]:
        for url in calls.urls():
            yield from self._url(calls, url)

    def _url(self, calls: Calls, url: Any) -> Iterator[Finding]:
        """Look at what a URL calls, and whether anybody may call it."""
        qualifier = url["FunctionArn"].partition(":function:")[2].partition(":")[2]
        if qualifier != self.alias:
            other = f"{qualifier or '$LATEST'}, and not {self.alias or '$LATEST'}: callers miss what is deployed"
            yield warning(calls.function, f"its URL calls {other}", "Give the URL that qualifier, in infrastructure")
        missing = [action for action in BOTH if action not in _allowed(calls.policy(qualifier))]
        if url.get("AuthType") == "NONE" and missing:
            words = f"its URL answers 403: its policy lacks {listed(missing)} for everybody"
            yield failing(calls.function, words, "Add the permission in infrastructure, with the URL's qualifier")


def _allowed(policy: str) -> set[str]:
    """List the actions that a policy allows to everybody."""
    statements = json.loads(policy)["Statement"] if policy else []
    return {row["Action"] for row in statements if row["Effect"] == "Allow" and row["Principal"] in ("*", {"AWS": "*"})}
