"""What an account holds of ours: CloudFormation stacks, SSM documents, and the key, bucket and provider beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.foundation import Found, Stack, pem, same_document, version_name
from tagship.errors import Held, Refused, ServiceFailed
from tagship.ports.people import Clock

GITHUB = "token.actions.githubusercontent.com"
WAIT = 2.0  # seconds between looks at a stack that is being changed
LONGEST = 1800  # seconds until it is no longer waited for
_UNCHANGED = "This stack was not changed."
GONE = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})  # a stack of that status has no resources
USABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})


@dataclass(frozen=True)
class AccountFoundation:
    """Everything by the APIs' own conditions; see tagship.ports.account.Foundation for what each method promises."""

    aws: Aws
    clock: Clock

    # -- what is there already -----------------------------------------------------------------------------------------

    def found(self, bucket: str, key: str, repository: str) -> Found:
        with self.aws.translated("looking at what the account has"):
            return Found(
                bucket=self._has_bucket(bucket),
                key=self._key(key),
                provider=self._provider(),
                repository=bool(repository) and self._has_repository(repository),
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

    def _key(self, key: str) -> str:
        kms = self.aws.client("kms")
        if not key.startswith("kms:"):
            return ""
        try:
            return kms.describe_key(KeyId=key.removeprefix("kms:"))["KeyMetadata"]["Arn"]
        except kms.exceptions.NotFoundException:
            if key.startswith("kms:alias/"):
                return ""
            raise  # an id or an ARN cannot be made

    def _provider(self) -> str:
        listed = self.aws.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return next((one["Arn"] for one in listed if one["Arn"].endswith(f"/{GITHUB}")), "")

    def _has_repository(self, name: str) -> bool:
        ecr = self.aws.client("ecr")
        try:
            ecr.describe_repositories(repositoryNames=[name])
        except ecr.exceptions.RepositoryNotFoundException:
            return False
        return True

    def bucket_gaps(self, bucket: str) -> Sequence[str]:
        s3 = self.aws.client("s3")
        gaps = []
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
            told = self._described(name)
            if told is None or told["StackStatus"] in GONE:
                return None
            template = self._cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return _stack(told, template)

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        there = self.stack(wanted.name)
        if there:
            _check_usable(there)
        arguments: dict[str, Any] = {
            "StackName": wanted.name,
            "TemplateBody": wanted.template,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.parameters.items()],
            "Capabilities": ["CAPABILITY_IAM"],
            "Tags": [{"Key": "tagship:app", "Value": wanted.parameters["App"]}],
        }
        with self.aws.translated(f"changing the stack {wanted.name}", state=_UNCHANGED):
            try:
                if there:
                    self._cloudformation.update_stack(**arguments)
                else:
                    self._cloudformation.create_stack(**arguments, EnableTerminationProtection=protect)
            except self._cloudformation.exceptions.ClientError as error:
                if "No updates are to be performed" not in str(error):
                    raise
        return self._awaited(wanted.name)

    def _awaited(self, name: str) -> Stack:
        """The stack once it is done; raises ServiceFailed with the first resource that failed."""
        began = self.clock.now()
        while True:
            found = self.stack(name)
            if found and not found.status.endswith("IN_PROGRESS"):
                break
            if (self.clock.now() - began).total_seconds() > LONGEST:
                state = "CloudFormation goes on with it."
                raise ServiceFailed(f"The stack {name} is not done.", state=state, remedy=f"Look again: {_look(name)}")
            self.clock.sleep(WAIT)
        if found.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return found
        with self.aws.translated(f"asking why the stack {name} failed"):
            why = self._why(name)
        raise ServiceFailed(
            f"The stack {name} could not be made as wanted: {why}",
            state=f"CloudFormation has put it back: it is {found.status}.",
            remedy=f"Mend that, then: {_again(found)}",
        )

    def _why(self, name: str) -> str:
        """The first failure since the change began; events come newest first."""
        events = self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        since = []
        for one in events:
            since.append(one)
            if one.get("ResourceStatusReason") == "User Initiated":
                break
        failed = [one for one in since if one["ResourceStatus"].endswith("_FAILED")]
        if not failed:
            return "it does not say why"
        return f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason', 'no reason given')}"

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
        """A version is named by its content's hash: one that is there is taken, not made again. Of a run that was cut
        off between making a version and choosing it, the next one finds the version."""
        ssm = self.aws.client("ssm")
        with self.aws.translated(
            f"installing the SSM document {name}", state="What is done is shown above; this is not."
        ):
            if self.document(name) is None:
                told = ssm.create_document(
                    Name=name,
                    Content=content,
                    DocumentType="Command",
                    DocumentFormat="JSON",
                    VersionName=version_name(content),
                )
                return told["DocumentDescription"]["DocumentVersion"]
            version = self._version(name, content) or self._new_version(name, content)
            ssm.update_document_default_version(Name=name, DocumentVersion=version)
            return version

    def _version(self, name: str, content: str) -> str:
        """The version that has this content already: by its name, or the latest (AWS takes no second one like it)."""
        ssm = self.aws.client("ssm")
        try:
            return ssm.get_document(Name=name, VersionName=version_name(content))["DocumentVersion"]
        except (ssm.exceptions.InvalidDocument, ssm.exceptions.InvalidDocumentVersion):
            latest = ssm.get_document(Name=name, DocumentVersion="$LATEST", DocumentFormat="JSON")
            return latest["DocumentVersion"] if same_document(latest["Content"], content) else ""

    def _new_version(self, name: str, content: str) -> str:
        told = self.aws.client("ssm").update_document(
            Name=name,
            Content=content,
            DocumentVersion="$LATEST",
            DocumentFormat="JSON",
            VersionName=version_name(content),
        )
        return told["DocumentDescription"]["DocumentVersion"]


def _stack(told: Mapping[str, Any], template: Any) -> Stack:
    return Stack(
        told["StackName"],
        template if isinstance(template, str) else "",  # a JSON template comes as a mapping, and is none of ours
        {one["ParameterKey"]: one["ParameterValue"] for one in told.get("Parameters", ())},
        told["StackStatus"],
        {one["OutputKey"]: one["OutputValue"] for one in told.get("Outputs", ())},
    )


def _check_usable(there: Stack) -> None:
    if there.status in USABLE:
        return
    if there.status.endswith("IN_PROGRESS"):
        raise Held(
            f"Somebody else changes the stack {there.name}: it is {there.status}.",
            state=_UNCHANGED,
            remedy=f"Look until it is done, then: inv setup ({_look(there.name)})",
        )
    what = f"The stack {there.name} is {there.status}: it cannot be changed."
    raise Refused(what, state=_UNCHANGED, remedy=_again(there))


def _again(there: Stack) -> str:
    if there.status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        return f"aws cloudformation delete-stack --stack-name {there.name} && inv setup"
    if there.status == "UPDATE_ROLLBACK_FAILED":
        return f"aws cloudformation continue-update-rollback --stack-name {there.name} && inv setup"
    return "inv setup"


def _look(name: str) -> str:
    return f"aws cloudformation describe-stacks --stack-name {name} --query 'Stacks[0].StackStatus'"
