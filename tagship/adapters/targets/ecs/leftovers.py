"""Revisions of task definitions that deployments registered, and what still uses them.

A revision is deregistered and then deleted. ECS itself keeps one that is being deleted for as long as a task or a
service refers to it (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html), but
no service can be given one that is deregistered: so none goes that something runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.ecs.record import RevisionLabel
from tagship.domain.leftovers import Leftover

MANY = 100  # what a listing has a page, and DescribeTasks takes
FEW = 10  # what DescribeServices and DeleteTaskDefinitions take
GONE = "it is gone"
AT_ONCE = 4  # requests; ECS takes 20 descriptions of task definitions a second, and one deregistration


@dataclass(frozen=True)
class FamilyShelf:
    """The revisions of one family; see tagship.ports.leftovers.Shelf.

    What runs in `cluster` is asked.
    """

    aws: Aws
    cluster: str
    family: str

    @property
    def noun(self) -> str:
        return f"task definition {self.family}"

    @property
    def price(self) -> float:
        return 0.0

    @property
    def _client(self) -> Any:
        return self.aws.client("ecs")

    def look(self) -> Sequence[Leftover]:
        """Describe the revisions; those that a killed run deregistered too."""
        arns = [*self._listed("ACTIVE"), *self._listed("INACTIVE")]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            return [leftover for leftover in workers.map(self._leftover, arns) if leftover]

    def _listed(self, status: str) -> list[str]:
        with self.aws.translated(f"listing the revisions of {self.family}"):
            pages = self._client.get_paginator("list_task_definitions").paginate(
                familyPrefix=self.family, status=status, PaginationConfig={"PageSize": MANY}
            )
            arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
        return [arn for arn in arns if _name(arn).partition(":")[0] == self.family]

    def _leftover(self, arn: str) -> Leftover | None:
        """Describe a revision; None if it is being deleted already."""
        with self.aws.translated(f"describing task definition {_name(arn)}"):
            answer = self._client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        row = answer["taskDefinition"]
        if row.get("status") == "DELETE_IN_PROGRESS":
            return None
        label = RevisionLabel.read({tag["key"]: tag.get("value", "") for tag in answer.get("tags", ())})
        images = [container.get("image", "").partition("@")[2] for container in row.get("containerDefinitions", ())]
        return Leftover(
            arn,
            f"task definition {_name(arn)}",
            (label.artifact,) if label else (),
            row.get("registeredAt"),
            images=tuple(filter(None, images)),
        )

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:  # noqa: ARG002 (the cluster is asked)
        """Ask the cluster's services, their deployments and its tasks."""
        reasons: dict[str, str] = {}
        for arn, reason in (*self._by_services(), *self._by_tasks()):
            reasons.setdefault(arn, reason)
        return reasons

    def _by_services(self) -> Iterator[tuple[str, str]]:
        client = self._client
        with self.aws.translated(f"listing what runs in cluster {self.cluster}"):
            pages = client.get_paginator("list_services").paginate(
                cluster=self.cluster, PaginationConfig={"PageSize": MANY}
            )
            names = [arn for page in pages for arn in page["serviceArns"]]
            rows = [
                row
                for part in _parts(names, FEW)
                for row in client.describe_services(cluster=self.cluster, services=part)["services"]
            ]
        for row in rows:
            yield row.get("taskDefinition", ""), f"service {row['serviceName']} runs it"
            for deployment in (*row.get("deployments", ()), *row.get("taskSets", ())):
                yield deployment.get("taskDefinition", ""), f"a deployment of service {row['serviceName']} has it"
        yield from self._by_revisions(rows)

    def _by_revisions(self, rows: Sequence[Any]) -> Iterator[tuple[str, str]]:
        """Ask what the revisions of services are that still have tasks."""
        arns = [revision["arn"] for row in rows for revision in row.get("currentServiceRevisions", ())]
        for part in _parts(arns, 2 * FEW):
            with self.aws.translated("describing service revisions"):
                answer = self._client.describe_service_revisions(serviceRevisionArns=part)
            for row in answer["serviceRevisions"]:
                yield row["taskDefinition"], f"{row['serviceRevisionArn'].rpartition('/')[2]} is a service's revision"

    def _by_tasks(self) -> Iterator[tuple[str, str]]:
        client = self._client
        with self.aws.translated(f"listing the tasks of {self.family}"):
            pages = client.get_paginator("list_tasks").paginate(
                cluster=self.cluster, family=self.family, PaginationConfig={"PageSize": MANY}
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
            for part in _parts(arns, MANY):
                for row in client.describe_tasks(cluster=self.cluster, tasks=part)["tasks"]:
                    yield row["taskDefinitionArn"], f"task {_name(row['taskArn'])} runs it"

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Deregister revisions, then delete them, ten at a time."""
        failures: dict[str, str] = {}
        for part in _parts([leftover.id for leftover in leftovers], FEW):
            refused = {arn: why for arn in part if (why := self._deregistered(arn))}
            failures |= {arn: why for arn, why in refused.items() if why != GONE}
            if left := [arn for arn in part if arn not in refused]:
                failures |= self._deleted(left)
        return {arn: why for arn, why in failures.items() if why}

    def _deregistered(self, arn: str) -> str:
        """Deregister a revision; say why not, or GONE."""
        from botocore.exceptions import ClientError

        with self.aws.translated(f"deregistering {_name(arn)}"):
            try:
                self._client.deregister_task_definition(taskDefinition=arn)
            except ClientError as reason:
                return _why(reason) if self._is_there(arn) else GONE
        return ""

    def _is_there(self, arn: str) -> bool:
        """Tell whether a revision can be described, and is not being deleted."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client.describe_task_definition(taskDefinition=arn)
        except ClientError as reason:
            if reason.response.get("Error", {}).get("Code") != "ClientException":
                raise
            return False
        return bool(answer["taskDefinition"].get("status") != "DELETE_IN_PROGRESS")

    def _deleted(self, arns: Sequence[str]) -> dict[str, str]:
        from botocore.exceptions import ClientError

        with self.aws.translated(f"deleting revisions of {self.family}"):
            try:
                answer = self._client.delete_task_definitions(taskDefinitions=list(arns))
            except ClientError as reason:
                return dict.fromkeys(arns, _why(reason))
        return {row["arn"]: row.get("detail") or row.get("reason", "") for row in answer.get("failures", ())}


def _why(reason: Any) -> str:
    """Say why ECS refused; raises anything else than a refusal."""
    error = reason.response.get("Error", {})
    if error.get("Code") not in {"ClientException", "AccessDeniedException", "InvalidParameterException"}:
        raise reason
    return str(error.get("Message") or error["Code"])


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _parts(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
