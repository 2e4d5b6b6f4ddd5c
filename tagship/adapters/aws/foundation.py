"""What an account holds of ours: CloudFormation stacks, SSM documents, and the key, bucket and provider beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws import removal
from tagship.adapters.aws.elsewhere import stacks_elsewhere
from tagship.adapters.aws.repositories import image_repository
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.stack_status import again, check_usable, first_failure
from tagship.adapters.aws.tags import tagged
from tagship.domain import aws_commands, denials
from tagship.domain.documents import same_document, version_name
from tagship.domain.foundation import Existing, Stack
from tagship.domain.keys import pem
from tagship.errors import Refused, ServiceFailed, said_to_be_done
from tagship.ports.account import Elsewhere, ImageRepository
from tagship.ports.people import Clock

GITHUB = "token.actions.githubusercontent.com"
WAIT = 2.0  # seconds between looks at a stack that is being changed
LONGEST = 1800  # seconds until it is no longer waited for
_UNCHANGED = "This stack was not changed."
GONE = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})  # a stack of that status has no resources
UNUSABLE = frozenset({"Disabled", "PendingDeletion"})  # of a key, which somebody can use again


@dataclass(frozen=True)
class AccountFoundation:
    """CloudFormation, SSM, KMS, IAM, ECR and S3; see tagship.ports.account.Foundation."""

    aws: Aws
    clock: Clock

    # -- what is there already -----------------------------------------------------------------------------------------

    def found(self, bucket: str, key: str, repository: str) -> Existing:
        with self.aws.translated("looking at what the account has"):
            return Existing(
                bucket=self._has_bucket(bucket),
                key=self.key(key),
                provider=self._provider(),
                repository=bool(repository) and self.has_repository(repository),
            )

    def _has_bucket(self, bucket: str) -> bool:
        s3 = self.aws.client("s3")
        try:
            s3.head_bucket(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
                return False
            raise  # 403: a bucket of that name is somebody else's
        return True

    def key(self, key: str) -> str:
        kms = self.aws.client("kms")
        if not key.startswith("kms:"):
            return ""
        with self.aws.translated(f"looking for {key}"):
            try:
                metadata = kms.describe_key(KeyId=key.removeprefix("kms:"))["KeyMetadata"]
            except kms.exceptions.NotFoundException:
                if key.startswith("kms:alias/"):
                    return ""
                raise  # an id or an ARN cannot be made
        if (state := metadata["KeyState"]) in UNUSABLE:
            again = aws_commands.use_key_again(metadata["KeyId"], self.aws.where)
            raise Refused(f"The key {key} is {state}: it signs nothing.", state=f"It still is {state}.", remedy=again)
        return str(metadata["Arn"])

    def _provider(self) -> str:
        listed = self.aws.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return next((provider["Arn"] for provider in listed if provider["Arn"].endswith(f"/{GITHUB}")), "")

    def has_repository(self, name: str) -> bool:
        return self.image_repository(name) is not None

    def image_repository(self, name: str) -> ImageRepository | None:
        return image_repository(self.aws, name)

    def tagged(self, app: str) -> Sequence[str]:
        return tagged(self.aws, app)

    def bucket_gaps(self, bucket: str, app: str) -> Sequence[str]:
        s3, gaps = self.aws.client("s3"), list[str]()
        with self.aws.translated(f"looking at s3://{bucket}"):
            if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
                gaps.append("versioning is off")
            try:
                blocks = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                    raise
                blocks = {}
            if not blocks or not all(blocks.values()):
                gaps.append("public access is not blocked")
            gaps += denials.gaps(_policy(s3, bucket), bucket, app)
        return gaps

    def public_key(self, key: str) -> str:
        with self.aws.translated(f"reading the public key of {key}"):
            answer = self.aws.client("kms").get_public_key(KeyId=key.removeprefix("kms:"))
        spec = answer.get("KeySpec") or answer["CustomerMasterKeySpec"]  # the older name is all that moto knows
        if spec != "ECC_NIST_P256" or answer["KeyUsage"] != "SIGN_VERIFY":
            raise Refused(
                f"{key} is a key of {spec} for {answer['KeyUsage']}, which cannot sign manifests.",
                remedy="Name another in signing.key of tagship.toml: an ECC_NIST_P256 key for SIGN_VERIFY",
            )
        return pem(answer["PublicKey"])

    # -- stacks --------------------------------------------------------------------------------------------------------

    def stack(self, name: str) -> Stack | None:
        with self.aws.translated(f"looking at the stack {name}"):
            description = self._described(name)
            if description is None or description["StackStatus"] in GONE:
                return None
            template = self._cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return _stack(description, template)

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        existing = self.stack(wanted.name)
        if existing:
            check_usable(existing, self.aws.where)
        arguments: dict[str, Any] = {
            "StackName": wanted.name,
            "TemplateBody": wanted.template,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.parameters.items()],
            "Capabilities": ["CAPABILITY_IAM"],
            "Tags": [{"Key": "tagship:app", "Value": wanted.parameters["App"]}],
        }
        begun = f"CloudFormation is working on the stack {wanted.name}."
        with self.aws.translated(f"changing the stack {wanted.name}", state=_UNCHANGED):
            try:
                if existing:
                    self._cloudformation.update_stack(**arguments)
                else:
                    self._cloudformation.create_stack(**arguments, EnableTerminationProtection=protect)
            except self._cloudformation.exceptions.ClientError as error:
                if "No updates are to be performed" not in str(error):
                    raise
                begun = ""
        with said_to_be_done(lambda: begun):
            return self._awaited(wanted.name)

    def stacks_elsewhere(self, names: Sequence[str]) -> Elsewhere:
        return stacks_elsewhere(self.aws, names)

    def remove_stack(self, name: str) -> None:
        removal.remove_stack(self.aws, self.clock, name, self.stack)

    def remove_document(self, name: str) -> None:
        removal.remove_document(self.aws, name)

    def _awaited(self, name: str) -> Stack:
        """Wait for the stack; raises ServiceFailed with the first resource that failed."""
        began = self.clock.now()
        while True:
            stack = self.stack(name)
            if stack and not stack.status.endswith("IN_PROGRESS"):
                break
            if (self.clock.now() - began).total_seconds() > LONGEST:
                raise ServiceFailed(
                    f"The stack {name} is not done after {LONGEST // 60} min.",
                    state="CloudFormation is still working on it.",
                    remedy=f"Look again: {aws_commands.stack_status(name, self.aws.where)}",
                )
            self.clock.sleep(WAIT)
        if stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return stack
        with self.aws.translated(f"asking why the stack {name} failed"):
            why = first_failure(self._cloudformation.describe_stack_events(StackName=name)["StackEvents"])
        raise ServiceFailed(
            f"CloudFormation could not make the stack {name}: {why}",
            state=f"The status of the stack is now {stack.status}.",
            remedy=f"Fix that, then: {again(stack, self.aws.where)}",
        )

    def _described(self, name: str) -> Any:
        try:
            return self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except self._cloudformation.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
                return None
            raise

    @property
    def _cloudformation(self) -> Any:
        return self.aws.client("cloudformation")

    # -- documents -----------------------------------------------------------------------------------------------------

    def document(self, name: str) -> str | None:
        ssm = self.aws.client("ssm")
        with self.aws.translated(f"looking at the SSM document {name}"):
            try:
                return ssm.get_document(Name=name, DocumentFormat="JSON")["Content"]  # the default version
            except ssm.exceptions.InvalidDocument:
                return None

    def put_document(self, name: str, content: str) -> str:
        """Install the content as the default version, and return its number.

        A version is named by its content's hash: an existing one is taken, not made again, also after a run that was
        cut off between making a version and choosing it.
        """
        ssm = self.aws.client("ssm")
        with self.aws.translated(
            f"installing the SSM document {name}", state="The changes listed above were made; this one was not."
        ):
            if self.document(name) is None:
                created = ssm.create_document(
                    Name=name,
                    Content=content,
                    DocumentType="Command",
                    DocumentFormat="JSON",
                    VersionName=version_name(content),
                )
                return created["DocumentDescription"]["DocumentVersion"]
            version = self._version(name, content) or self._new_version(name, content)
            ssm.update_document_default_version(Name=name, DocumentVersion=version)
            return version

    def _version(self, name: str, content: str) -> str:
        """Find the version with this content: by name, or the latest."""
        ssm = self.aws.client("ssm")
        try:
            return ssm.get_document(Name=name, VersionName=version_name(content))["DocumentVersion"]
        except (ssm.exceptions.InvalidDocument, ssm.exceptions.InvalidDocumentVersion):
            latest = ssm.get_document(Name=name, DocumentVersion="$LATEST", DocumentFormat="JSON")
            return latest["DocumentVersion"] if same_document(latest["Content"], content) else ""

    def _new_version(self, name: str, content: str) -> str:
        updated = self.aws.client("ssm").update_document(
            Name=name,
            Content=content,
            DocumentVersion="$LATEST",
            DocumentFormat="JSON",
            VersionName=version_name(content),
        )
        return updated["DocumentDescription"]["DocumentVersion"]


def _stack(description: Mapping[str, Any], template: Any) -> Stack:
    return Stack(
        description["StackName"],
        template if isinstance(template, str) else "",  # a JSON template comes as a mapping, and is none of ours
        {entry["ParameterKey"]: entry["ParameterValue"] for entry in description.get("Parameters", ())},
        description["StackStatus"],
        {entry["OutputKey"]: entry["OutputValue"] for entry in description.get("Outputs", ())},
    )


def _policy(s3: Any, bucket: str) -> dict[str, Any]:
    """Read a bucket's policy; empty without one."""
    try:
        policy: dict[str, Any] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return {}
    return policy
