"""What tagship asks ECS of one cluster, and how the answers read.

A description may have members that this boto3 does not know, and botocore drops those without a word: a registration of
what is left would lose them. So the raw body is compared with the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ecs.reading import ServiceFacts, deployment_of, service_of, shape_of, task_of
from tagship.domain import aws_commands
from tagship.domain.ecs.definition import TaskRevision, Unregistrable, registrable, unknown
from tagship.domain.ecs.service_deployment import ServiceDeployment
from tagship.domain.ecs.task import TaskFacts
from tagship.domain.text import listed
from tagship.errors import ServiceFailed, Unheard

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 10, 100  # what DescribeServices and DescribeTasks take
DEPLOYMENTS = 20  # what DescribeServiceDeployments and DescribeServiceRevisions take
BEFORE = timedelta(seconds=10)  # that a deployment may seem older than the answer of what started it
Status = Literal["ACTIVE", "INACTIVE"]
Decision = Literal["CONTINUE", "ROLLBACK"]
DESCRIBE, REGISTER = "DescribeTaskDefinition", "RegisterTaskDefinition"
NO_DEPLOYMENT = ("ServiceDeploymentNotFoundException", "ConflictException", "InvalidParameterException")


@dataclass(frozen=True)
class EcsCalls:
    """The calls for the services of one cluster. Each raises ServiceFailed."""

    aws: Aws
    cluster: str
    _revisions: dict[str, str] = field(default_factory=dict)  # service revision -> its task definition: never changes

    @property
    def _client(self) -> Any:
        return self.aws.client("ecs")

    # -- reading -------------------------------------------------------------------------------------------------------

    def services(self, names: Sequence[str]) -> dict[str, ServiceFacts]:
        """Describe services; those that are not there are left out."""
        facts: dict[str, ServiceFacts] = {}
        with self.aws.translated(f"describing the services of cluster {self.cluster}"):
            for part in _parts(names, FEW):
                answer = self._client.describe_services(cluster=self.cluster, services=list(part))
                facts |= {row["serviceName"]: service_of(row) for row in answer["services"]}
        return facts

    def revision(self, name: str) -> TaskRevision:
        """Describe a revision, or a family's newest. Raises Unregistrable."""
        raw: list[bytes] = []

        def keep(response_dict: Mapping[str, Any], **_: Any) -> None:
            raw[:] = [response_dict["body"]]

        events, event = self._client.meta.events, f"before-parse.ecs.{DESCRIBE}"
        with self.aws.translated(f"describing task definition {name}"):
            events.register(event, keep)
            try:
                answer = self._client.describe_task_definition(taskDefinition=name, include=["TAGS"])
            finally:
                events.unregister(event, keep)
        self._refuse_unknown(name, json.loads(raw[0]) if raw else {})
        return self._revision_of(answer["taskDefinition"], answer.get("tags", ()))

    def _refuse_unknown(self, name: str, body: Mapping[str, Any]) -> None:
        """Refuse what a registration would lose."""
        model = self._client.meta.service_model.operation_model(DESCRIBE).output_shape
        if lost := list(unknown(body.get("taskDefinition", {}), shape_of(model.members["taskDefinition"]))):
            from botocore import __version__

            raise Unregistrable(
                f"task definition {name} has {listed(lost)}, which boto3 {__version__} does not know and would lose: "
                "upgrade boto3"
            )

    def _revision_of(self, row: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> TaskRevision:
        members = self._client.meta.service_model.operation_model(REGISTER).input_shape.members
        return TaskRevision(
            row["taskDefinitionArn"],
            row.get("status", "ACTIVE") == "ACTIVE",
            registrable(row, members),
            {tag["key"]: tag.get("value", "") for tag in tags},
        )

    def revisions_of(self, family: str, most: int, status: Status = "ACTIVE") -> Iterator[TaskRevision]:
        """Describe a family's revisions of a status, the newest first."""
        with self.aws.translated(f"listing the task definitions of {family}"):
            answer = self._client.list_task_definitions(
                familyPrefix=family, status=status, sort="DESC", maxResults=most
            )
        for arn in answer["taskDefinitionArns"]:
            if arn.rpartition("/")[2].partition(":")[0] == family:
                yield self.revision(arn)

    def deployments(self, service: str, since: datetime) -> list[ServiceDeployment]:
        """List a service's deployments since then, the newest first."""
        with self.aws.translated(f"listing the deployments of {service}"):
            answer = self._client.list_service_deployments(
                cluster=self.cluster, service=service, createdAt={"after": since}, maxResults=MANY
            )
        return [deployment_of(row) for row in answer["serviceDeployments"]]

    def described(self, arns: Sequence[str]) -> dict[str, ServiceDeployment]:
        """Describe service deployments, by their ARNs."""
        facts: dict[str, ServiceDeployment] = {}
        with self.aws.translated("following service deployments"):
            for part in _parts(arns, DEPLOYMENTS):
                answer = self._client.describe_service_deployments(serviceDeploymentArns=list(part))
                facts |= {row["serviceDeploymentArn"]: deployment_of(row) for row in answer["serviceDeployments"]}
        return facts

    def definitions(self, arns: Iterable[str]) -> dict[str, str]:
        """Map service revisions to the ARNs of their task definitions."""
        wanted = list(dict.fromkeys(arns))
        for part in _parts([arn for arn in wanted if arn not in self._revisions], DEPLOYMENTS):
            for row in self._service_revisions(part):
                self._revisions[row["serviceRevisionArn"]] = row["taskDefinition"]
        return {arn: self._revisions[arn] for arn in wanted if arn in self._revisions}

    def resolved(self, revision: str) -> list[tuple[str, str, str]]:
        """List what ECS resolved images of a service revision to.

        The container, the image as it was named, and the digest.
        """
        rows = self._service_revisions([revision])
        images = rows[0].get("containerImages", ()) if rows else ()
        return [(row["containerName"], row.get("image", ""), row.get("imageDigest", "")) for row in images]

    def _service_revisions(self, arns: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        with self.aws.translated("describing service revisions"):
            answer = self._client.describe_service_revisions(serviceRevisionArns=list(arns))
        rows: Sequence[Mapping[str, Any]] = answer["serviceRevisions"]
        return rows

    def tasks(self, service: str, status: str = "RUNNING") -> list[TaskFacts]:
        """Describe a service's tasks of a desired status."""
        with self.aws.translated(f"describing the tasks of {service}"):
            pages = self._client.get_paginator("list_tasks").paginate(
                cluster=self.cluster, serviceName=service, desiredStatus=status
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
            rows = [
                row
                for part in _parts(arns, MANY)
                for row in self._client.describe_tasks(cluster=self.cluster, tasks=list(part))["tasks"]
            ]
        return [task_of(row) for row in rows]

    # -- changing ------------------------------------------------------------------------------------------------------

    def register(self, definition: Mapping[str, Any], tags: Mapping[str, str]) -> TaskRevision:
        """Register a task definition with its tags."""
        with self.aws.translated(f"registering task definition {definition['family']}"):
            answer = self._client.register_task_definition(**definition, tags=_as_tags(tags))
        return self._revision_of(answer["taskDefinition"], _as_tags(tags))

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a task definition; leave its others."""
        with self.aws.translated(f"tagging {arn.rpartition('/')[2]}"):
            self._client.tag_resource(resourceArn=arn, tags=_as_tags(tags))

    def update(self, service: str, revision: str, configuration: Mapping[str, Any]) -> tuple[str, datetime]:
        """Have a service run a revision. Returns its PRIMARY and AWS's time.

        `configuration` is a deploymentConfiguration, or empty to leave it. It never has the number of tasks, which
        autoscaling owns.
        """
        more = {"deploymentConfiguration": dict(configuration)} if configuration else {}
        with self._uncertain(service):
            answer = self._client.update_service(cluster=self.cluster, service=service, taskDefinition=revision, **more)
        at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return service_of(answer["service"]).primary, at - BEFORE

    @contextmanager
    def _uncertain(self, service: str) -> Iterator[None]:
        """Translate errors. Raises Unheard if it may have been carried out."""
        try:
            with self.aws.translated(f"updating {service}"):
                yield
        except ServiceFailed as reason:
            if not (isinstance(reason.__cause__, Exception) and self.aws.unsure(reason.__cause__)):
                raise
            raise Unheard(
                f"The answer to UpdateService of {service} was lost: ECS may or may not have received it.",
                state="The service may be starting tasks.",
                remedy=f"See what it runs: {aws_commands.service(self.cluster, service, self.aws.where)}",
            ) from reason

    def decide(self, deployment: str, hook: str, action: Decision) -> bool:
        """End a pause at a hook; tell whether it still waited there."""
        from botocore.exceptions import ClientError

        with self.aws.translated(f"asking {deployment} to {action}"):
            try:
                self._client.continue_service_deployment(serviceDeploymentArn=deployment, hookId=hook, action=action)
            except ClientError as reason:
                if reason.response.get("Error", {}).get("Code", "") not in NO_DEPLOYMENT:
                    raise
                return False
        return True

    def stop(self, deployment: str) -> None:
        """Have ECS go back to the revision before."""
        from botocore.exceptions import ClientError

        with self.aws.translated(f"stopping {deployment}"):
            try:
                self._client.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
            except ClientError as reason:  # it has ended meanwhile
                if reason.response.get("Error", {}).get("Code", "") not in NO_DEPLOYMENT:
                    raise


def _parts(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
