"""Versions of functions that deployments published, and what still uses them.

Lambda itself refuses to delete a version that an alias names. It does not refuse one with provisioned concurrency of
its own, a function URL's calls by number, an event source that names it, or a durable execution that has not ended:
these are asked for (https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.lambda_.described import configuration
from tagship.domain.leftovers import Leftover

LATEST = "$LATEST"
MANY = 50  # versions, aliases and event sources a page
AT_ONCE = 8  # requests; Lambda takes 15 a second of its control plane
UNFINISHED = ["RUNNING", "PAUSING", "PAUSED"]  # durable executions


@dataclass(frozen=True)
class FunctionShelf:
    """The versions of one function; see tagship.ports.leftovers.Shelf."""

    aws: Aws
    function: str

    @property
    def noun(self) -> str:
        return f"version of function {self.function}"

    @property
    def price(self) -> float:
        return 0.0  # code is stored within a quota of the account, and costs nothing

    @property
    def _client(self) -> Any:
        return self.aws.client("lambda")

    def look(self) -> Sequence[Leftover]:
        """List the versions that were published."""
        rows = self._pages("list_versions_by_function", "Versions")
        return [self._leftover(row) for row in rows if row["Version"] != LATEST]

    def _leftover(self, row: Mapping[str, Any]) -> Leftover:
        version = configuration(row)
        label, number = version.label, version.version
        made = datetime.fromisoformat(row["LastModified"]) if row.get("LastModified") else None
        artifacts = (label.artifact,) if label else ()
        name, code = f"version {number} of {self.function}", f"sha256:{version.code_sha256}"
        return Leftover(number, name, artifacts, made, version.size, code=code)

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Ask which versions anything names: aliases, provisioning, event sources."""
        reasons: dict[str, str] = {}
        for number, reason in (*self._aliased(), *self._provisioned(), *self._polled()):
            reasons.setdefault(number, reason)
        doubtful = [leftover.id for leftover in leftovers if leftover.id not in reasons and leftover.artifacts]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            running = dict(zip(doubtful, workers.map(self._executions, doubtful), strict=True))
        return reasons | {number: reason for number, reason in running.items() if reason}

    def _aliased(self) -> Iterator[tuple[str, str]]:
        for row in self._pages("list_aliases", "Aliases"):
            yield row["FunctionVersion"], f"alias {row['Name']} names it"
            for number, share in row.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items():
                yield number, f"alias {row['Name']} sends {share:.0%} of its calls to it"

    def _provisioned(self) -> Iterator[tuple[str, str]]:
        for row in self._pages("list_provisioned_concurrency_configs", "ProvisionedConcurrencyConfigs"):
            yield row["FunctionArn"].rpartition(":")[2], "it has provisioned concurrency"

    def _polled(self) -> Iterator[tuple[str, str]]:
        # Asked of a function's name, Lambda leaves those out that name a version: so all are read.
        for row in self._pages("list_event_source_mappings", "EventSourceMappings", FunctionName=None):
            name, _, number = row.get("FunctionArn", "").partition(":function:")[2].partition(":")
            if name == self.function and number:
                yield number, "an event source calls it"

    def _executions(self, number: str) -> str:
        """Say that a durable execution of a version has not ended."""
        # Only functions with a DurableConfig have some: Lambda answers others with an empty list.
        with self.aws.translated(f"asking for executions of version {number} of {self.function}"):
            answer = self._client.list_durable_executions_by_function(
                FunctionName=self.function, Qualifier=number, Statuses=UNFINISHED, MaxItems=1
            )
        return "an execution of it has not ended" if answer.get("DurableExecutions") else ""

    def _pages(self, operation: str, member: str, **asked: Any) -> list[Any]:
        named = {"FunctionName": self.function, **asked}
        given = {name: value for name, value in named.items() if value is not None}
        with self.aws.translated(f"looking at what there is of {self.function}"):
            pages = self._client.get_paginator(operation).paginate(**given, PaginationConfig={"PageSize": MANY})
            return [row for page in pages for row in page[member]]

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Delete versions; Lambda takes them one by one."""
        numbers = [leftover.id for leftover in leftovers]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            failures = dict(zip(numbers, workers.map(self._deleted, numbers), strict=True))
        return {number: why for number, why in failures.items() if why}

    def _deleted(self, number: str) -> str:
        """Delete a version; say why not."""
        from botocore.exceptions import ClientError

        if not number.isdigit():
            raise ValueError(f"{number!r} is not a version: without one, Lambda deletes the function")
        with self.aws.translated(f"deleting version {number} of {self.function}"):
            try:
                self._client.delete_function(FunctionName=self.function, Qualifier=number)
            except ClientError as reason:
                error = reason.response.get("Error", {})
                if error.get("Code") == "ResourceNotFoundException":
                    return ""
                if error.get("Code") not in {"ResourceConflictException", "AccessDeniedException"}:
                    raise
                return str(error.get("Message", error["Code"]))
        return ""
