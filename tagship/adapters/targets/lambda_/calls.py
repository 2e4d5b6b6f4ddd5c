"""What tagship asks Lambda of one function, and how the answers read.

RevisionId guards each change: another change meanwhile is `Raced`, and nothing was done. A field that UpdateAlias is
not given stays as it is, so weights are always sent with a version
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.lambda_ import described
from tagship.adapters.targets.lambda_.described import Alias, Configuration, Invoked, Provisioned
from tagship.domain.lambda_.record import Label, Record
from tagship.domain.manifest import PackageRef
from tagship.errors import ServiceFailed

LATEST = "$LATEST"
MANY = 50  # versions a page


class Raced(Exception):
    """Somebody else changed the function or its alias, or is changing it."""


class Missing(Exception):
    """There is no such function, version or alias."""


class UnfitFunction(Exception):
    """The function cannot be brought to the artifact; the words say why."""


MEANINGS: dict[str, type[Raced | Missing]] = {
    "ResourceNotFoundException": Missing,
    "ProvisionedConcurrencyConfigNotFoundException": Missing,
    "PreconditionFailedException": Raced,
    "ResourceConflictException": Raced,
    "SnapStartNotReadyException": Raced,
}


@dataclass(frozen=True)
class Calls:
    """The calls for one function and its alias. Each raises ServiceFailed."""

    aws: Aws
    function: str
    name: str

    @property
    def _client(self) -> Any:
        return self.aws.client("lambda")

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Any]:
        """Translate what Lambda's own exceptions mean here."""
        from botocore.exceptions import ClientError

        with self.aws.translated(f"{doing} {self.function}"):
            try:
                yield self._client
            except ClientError as reason:
                meaning = MEANINGS.get(reason.response.get("Error", {}).get("Code", ""))
                if meaning is None:
                    raise
                raise meaning(self.function) from reason

    # -- reading -------------------------------------------------------------------------------------------------------

    def alias(self) -> Alias:
        """Read the alias. Raises Missing."""
        with self._asking("reading the alias of") as client:
            return described.alias(client.get_alias(FunctionName=self.function, Name=self.name))

    def configuration(self, version: str = LATEST) -> Configuration:
        """Describe a version. Raises Missing."""
        with self._asking("reading") as client:
            return described.configuration(
                client.get_function_configuration(FunctionName=self.function, Qualifier=version)
            )

    def whole(self, version: str = LATEST) -> Configuration:
        """Describe a version with its code. Raises Missing."""
        with self._asking("reading the code of") as client:
            answer = client.get_function(FunctionName=self.function, Qualifier=version)
        return described.whole(answer)

    def provisioned(self) -> Provisioned | None:
        """Read the alias's provisioned concurrency; None without any."""
        try:
            with self._asking("reading the provisioned concurrency of") as client:
                answer = client.get_provisioned_concurrency_config(FunctionName=self.function, Qualifier=self.name)
        except Missing:
            return None
        return Provisioned(answer["Status"], answer.get("StatusReason", ""))

    def reserved(self) -> int | None:
        """Read its reserved concurrency; None without any. Raises Missing."""
        with self._asking("reading the concurrency of") as client:
            answer = client.get_function_concurrency(FunctionName=self.function)
        reserved: int | None = answer.get("ReservedConcurrentExecutions")
        return reserved

    def urls(self) -> Sequence[Any]:
        """List its URLs, of whatever qualifier. Raises Missing."""
        with self._asking("listing the URLs of") as client:
            urls: Sequence[Any] = client.list_function_url_configs(FunctionName=self.function)["FunctionUrlConfigs"]
        return urls

    def policy(self, qualifier: str) -> str:
        """Read who may call it by a qualifier; empty if nobody may."""
        try:
            with self._asking("reading the policy of") as client:
                more = {"Qualifier": qualifier} if qualifier else {}
                return str(client.get_policy(FunctionName=self.function, **more)["Policy"])
        except Missing:
            return ""

    def version_of(self, label: Label) -> str:
        """Find the version of an artifact; empty if there is none."""
        return next((version.version for version in self.published() if version.label == label), "")

    def published(self) -> Sequence[Configuration]:
        """List the versions that tagship published, the newest first."""
        with self._asking("listing the versions of") as client:
            pages = client.get_paginator("list_versions_by_function").paginate(
                FunctionName=self.function, PaginationConfig={"PageSize": MANY}
            )
            versions = [described.configuration(row) for page in pages for row in page["Versions"]]
        return [version for version in versions if version.version != LATEST and version.label][::-1]

    # -- changing ------------------------------------------------------------------------------------------------------

    def update_code(self, bucket: str, package: PackageRef, revision: str) -> None:
        """Begin an update of $LATEST's code. Raises Raced."""
        with self._asking("updating the code of") as client:
            client.update_function_code(
                FunctionName=self.function, S3Bucket=bucket, S3Key=package.key, RevisionId=revision
            )

    def update_zip(self, raw: bytes, revision: str) -> None:
        """Begin an update of $LATEST's code to a zip file. Raises Raced."""
        with self._asking("updating the code of") as client:
            client.update_function_code(FunctionName=self.function, ZipFile=raw, RevisionId=revision)

    def update_image(self, address: str, revision: str) -> None:
        """Begin an update of $LATEST's image. Raises Raced, UnfitFunction."""
        from botocore.exceptions import ClientError

        with self._asking("updating the image of") as client:
            try:
                client.update_function_code(FunctionName=self.function, ImageUri=address, RevisionId=revision)
            except ClientError as reason:
                if why := _why_no_image(address, reason.response.get("Error", {})):
                    raise UnfitFunction(why) from reason
                raise

    def configure(
        self, variables: Mapping[str, str], handler: str, revision: str, record: Record | None = None
    ) -> None:
        """Begin an update of $LATEST's configuration. Raises Raced."""
        more = {"Handler": handler} if handler else {}
        more |= {"Description": record.text()} if record else {}
        with self._asking("configuring") as client:
            client.update_function_configuration(
                FunctionName=self.function, Environment={"Variables": dict(variables)}, RevisionId=revision, **more
            )

    def describe(self, record: Record, revision: str) -> None:
        """Begin to write a record on the function itself. Raises Raced."""
        with self._asking("describing") as client:
            client.update_function_configuration(
                FunctionName=self.function, Description=record.text(), RevisionId=revision
            )

    def publish(self, now: Configuration, label: Label | None = None) -> Configuration:
        """Make a version of $LATEST, if it is still that. Raises Raced."""
        # Lambda makes none if nothing has changed, and answers with the last: its label says which that is.
        with self._asking("publishing a version of") as client:
            answer = client.publish_version(
                FunctionName=self.function,
                CodeSha256=now.guard,
                RevisionId=now.revision,
                Description=label.text() if label else "",
            )
        return described.configuration(answer)

    def create(self, record: Record) -> Alias:
        """Make the alias. Raises Raced if it is there by now."""
        with self._asking("making the alias of") as client:
            answer = client.create_alias(
                FunctionName=self.function, Name=self.name, FunctionVersion=record.number, Description=record.text()
            )
        return described.alias(answer)

    def note(self, alias: Alias, record: Record) -> Alias:
        """Write a record, and leave what the alias names. Raises Raced."""
        return self._certain(record, alias.weights, lambda: self._updated(alias, record))

    def share(self, alias: Alias, record: Record, weights: Mapping[str, float]) -> Alias:
        """Send shares of the calls to other versions. Raises Raced, Missing."""
        routing = {"RoutingConfig": {"AdditionalVersionWeights": dict(weights)}}
        return self._certain(record, weights, lambda: self._updated(alias, record, **routing))

    def move(self, alias: Alias, record: Record) -> Alias:
        """Have the alias name the record's version, alone. Raises Raced, Missing."""
        alone = {"FunctionVersion": record.number, "RoutingConfig": {"AdditionalVersionWeights": {}}}
        return self._certain(record, {}, lambda: self._updated(alias, record, **alone))

    def _certain(self, record: Record, weights: Mapping[str, float], update: Callable[[], Alias]) -> Alias:
        """Update the alias, and read it if the answer got lost."""
        # An update whose answer is lost has been sent again, and then AWS says that the alias is another by now.
        try:
            return update()
        except (Raced, ServiceFailed):
            now = self.alias()
            if now.record == record and now.version == record.number and now.weights == weights:
                return now
            raise

    def _updated(self, alias: Alias, record: Record, **more: Any) -> Alias:
        with self._asking("moving the alias of") as client:
            answer = client.update_alias(
                FunctionName=self.function,
                Name=self.name,
                RevisionId=alias.revision,
                Description=record.text(),
                **more,
            )
        return described.alias(answer)

    # -- asking --------------------------------------------------------------------------------------------------------

    def invoke(self, qualifier: str, payload: str) -> Invoked:
        """Invoke a version or an alias, once. Raises Raced if unready."""
        once = self.aws.once("lambda")
        with self._asking("invoking"):
            answer = once.invoke(
                FunctionName=self.function, Qualifier=qualifier, Payload=payload.encode(), LogType="Tail"
            )
            body = answer["Payload"].read()
        return described.invoked(answer, body)


def _why_no_image(address: str, error: Any) -> str:
    """Say why Lambda refuses an image; empty if that is not why."""
    # https://docs.aws.amazon.com/lambda/latest/dg/images-create.html: one platform, and no attestations beside it
    if error.get("Code") != "InvalidParameterValueException" or "media type" not in error.get("Message", ""):
        return ""
    return (
        f"{address} is an index of several manifests, and Lambda runs one platform's image alone: build it "
        "with --platform, --provenance=false and --sbom=false"
    )
