"""What an account holds of ours: one contract for the adapter (over moto) and for the fake.

What moto does not notice: a role that may not do this, a name that another account has, a document's quota of 1,000
versions, a template that CloudFormation itself refuses (cfn-lint is asked beside), and it finishes a stack at once.
"""

from __future__ import annotations

import itertools
import json
import shlex
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.aws.foundation import AccountFoundation
from tagship.adapters.aws.session import Aws
from tagship.adapters.clock import SystemClock
from tagship.adapters.signing import KmsSigner, PemVerifier
from tagship.domain.documents import same_document
from tagship.domain.foundation import Stack, with_keys
from tagship.errors import Held, Refused, ServiceFailed
from tagship.ports.account import Elsewhere, Foundation, ImageRepository
from tagship.sandbox.aws import stock
from tests.contract import strict_aws
from tests.fakes.foundation import FakeFoundation

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "deploy/aws/foundation.yaml").read_text("utf-8")
TOPIC = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
_number = itertools.count(1)


def _protect(self: Any) -> Any:
    """UpdateTerminationProtection, which moto has not."""
    from moto.core.responses import EmptyResult

    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_param("EnableTerminationProtection") == "true"
    return EmptyResult()


def _refusing(original: Any) -> Any:
    """DeleteStack of a stack that may be protected: moto deletes it, and CloudFormation refuses."""

    def delete(self: Any) -> Any:
        assert not self.cloudformation_backend.get_stack(self._get_param("StackName")).enable_termination_protection
        return original(self)

    return delete


def real() -> AccountFoundation:
    return AccountFoundation(strict_aws.aws(), SystemClock())


@pytest.fixture(params=["moto", "by hand"])
def account(request: pytest.FixtureRequest) -> Foundation:
    return real() if request.param == "moto" else FakeFoundation()


@pytest.fixture
def app() -> str:
    return f"shop{next(_number)}"


def wanted(app: str, **changes: str) -> Stack:
    values = {"App": app, "Bucket": f"{app}-artifacts", "MakeBucket": "yes", "KeyAlias": f"alias/{app}", "KeyArn": ""}
    values |= {
        "LockDays": "0",
        "ImageRepository": "",
        "NamedRepositories": "",
        "ProviderArn": "arn:aws:iam::123456789012:oidc-provider/there",
        **changes,
    }
    return Stack(f"tagship-{app}", TEMPLATE, values)


def of_environment(app: str, release: str, orders: str) -> Stack:
    """The stack of an environment whose keys have these aliases."""
    template = (ROOT / "deploy/aws/environment.yaml").read_text("utf-8")
    values = {
        "App": app,
        "Environment": "dev",
        "Bucket": f"{app}-artifacts",
        "Lease": "dev",
        "Document": "tagship-deploy",
    }
    values |= {"KeyArn": "none", "ReleaseKeyAlias": release, "OrderKeyArn": "none", "OrderKeyAlias": orders}
    values |= {"ProviderArn": "arn:aws:iam::123456789012:oidc-provider/there", "Repository": "acme/hello"}
    named = {"ReleaseKey": release, "OrderKey": orders}
    return Stack(f"tagship-{app}-dev", with_keys(template, named), {**values, "NumberedRepository": ""})


def test_an_environments_stack_makes_its_keys_and_another_alias_another_key(account: Foundation, app: str) -> None:
    names = [f"alias/{app}-dev-{purpose}" for purpose in ("release", "orders", "release-2")]
    assert [account.key(f"kms:{name}") for name in names] == ["", "", ""]
    account.put_stack(of_environment(app, *names[:2]))
    assert [bool(account.key(f"kms:{name}")) for name in names] == [True, True, False]
    orders = account.key(f"kms:{names[1]}")
    account.put_stack(of_environment(app, names[2], names[1]))
    assert account.key(f"kms:{names[2]}")
    assert account.key(f"kms:{names[1]}") == orders
    for name in (names[1], names[2]):
        assert account.public_key(f"kms:{name}").startswith("-----BEGIN PUBLIC KEY-----")


def document(word: str) -> str:
    step = {"action": "aws:runShellScript", "name": "x", "inputs": {"runCommand": [f"echo {word}"]}}
    return json.dumps({"schemaVersion": "2.2", "description": "x", "mainSteps": [step]})


def test_a_stack_that_is_not_there_is_none(account: Foundation, app: str) -> None:
    assert account.stack(f"tagship-{app}") is None


def test_a_stack_that_was_made_reads_as_it_was_wanted(account: Foundation, app: str) -> None:
    made = account.put_stack(wanted(app), protect=True)
    assert made.outputs["KeyArn"].startswith("arn:aws:kms:")
    there = account.stack(f"tagship-{app}")
    assert there
    assert there.text == wanted(app).text
    assert there.outputs == made.outputs


def test_a_key_that_signs_nothing_is_named_with_the_commands_that_lead_out(tmp_path: Path) -> None:
    kms = strict_aws.aws().client("kms")
    key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]
    for spoil in (kms.disable_key, kms.schedule_key_deletion):
        spoil(KeyId=key["KeyId"])
        with pytest.raises(Refused, match=r"is (Disabled|PendingDeletion): it signs nothing") as caught:
            real().key(f"kms:{key['KeyId']}")
        for command in caught.value.remedy.split("; "):
            _, _, verb, _, id_, *_ = shlex.split(command)
            with suppress(kms.exceptions.KMSInvalidStateException):
                getattr(kms, verb.replace("-", "_"))(KeyId=id_)
        assert real().key(f"kms:{key['KeyId']}") == key["Arn"]


def test_making_it_again_changes_nothing_and_a_change_is_taken(account: Foundation, app: str) -> None:
    account.put_stack(wanted(app))
    account.put_stack(wanted(app))
    other = replace(wanted(app), template=TEMPLATE + "# another line\n")
    account.put_stack(other)
    there = account.stack(f"tagship-{app}")
    assert there
    assert there.text == other.text


def test_a_stack_is_said_to_be_worked_on_only_if_it_is(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    account = real()
    account.put_stack(wanted(app))
    client = account.aws.client("cloudformation")

    def away(_account: AccountFoundation, _name: str) -> Stack:
        raise ServiceFailed("AWS cannot be reached.", remedy="Run it again")

    def nothing_to_do(**_: object) -> None:
        words = {"Code": "ValidationError", "Message": "No updates are to be performed."}
        raise client.exceptions.ClientError({"Error": words}, "UpdateStack")

    monkeypatch.setattr(AccountFoundation, "_awaited", away)
    with pytest.raises(ServiceFailed) as begun:
        account.put_stack(replace(wanted(app), template=TEMPLATE + "# another line\n"))
    assert begun.value.state == f"CloudFormation is working on the stack tagship-{app}."
    monkeypatch.setattr(client, "update_stack", nothing_to_do)
    with pytest.raises(ServiceFailed) as same:
        account.put_stack(wanted(app))
    assert same.value.state == "Nothing was changed."


def test_what_a_stack_made_is_found_afterwards(account: Foundation, app: str) -> None:
    before = account.found(f"{app}-artifacts", f"kms:alias/{app}", "")
    assert (before.bucket, before.key) == (False, "")
    made = account.put_stack(wanted(app))
    found = account.found(f"{app}-artifacts", f"kms:alias/{app}", "")
    assert found.bucket
    assert found.key == made.outputs["KeyArn"]


def test_the_environments_that_resources_are_tagged_with_are_found_whatever_they_are() -> None:
    """Every page is read: moto's have fifty resources, as AWS's. Another app's, and what has half the tags, is left."""
    found = real()
    ec2, name = found.aws.client("ec2"), f"shop{next(_number)}"

    def make(**tags: str) -> None:
        pairs = [{"Key": f"tagship:{key}", "Value": value} for key, value in tags.items()]
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs}])

    for number in range(60):
        make(app=name, environment=f"pr-{number}")
    make(app=name)
    make(app="another", environment="pr-99")
    make(environment="pr-98")
    assert found.tagged(name) == sorted(f"pr-{number}" for number in range(60))
    assert found.tagged("nobody's") == []


def test_how_a_repository_keeps_its_images_is_read() -> None:
    account = real()
    assert account.image_repository("nobody/hello") is None
    ecr = account.aws.client("ecr")
    ecr.create_repository(repositoryName="kept/hello", imageTagMutability="IMMUTABLE")
    assert account.image_repository("kept/hello") == ImageRepository(movable=False)
    rule = {"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}}  # fmt: skip
    ecr.put_lifecycle_policy(repositoryName="kept/hello", lifecyclePolicyText=json.dumps({"rules": [rule]}))
    ecr.put_image_tag_mutability(repositoryName="kept/hello", imageTagMutability="MUTABLE")
    images = account.image_repository("kept/hello")
    assert images
    assert images.movable
    assert '"countNumber": 3' in images.lifecycle


def test_what_was_made_can_be_taken_away_protected_or_not(account: Foundation, app: str) -> None:
    from moto.cloudformation.responses import CloudFormationResponse

    stock.replace(CloudFormationResponse, "update_termination_protection", lambda _: _protect)
    stock.replace(CloudFormationResponse, "delete_stack", _refusing)
    account.put_stack(wanted(app, MakeBucket="no"), protect=True)
    account.put_document(app, document("one"))
    account.remove_stack(f"tagship-{app}")
    account.remove_document(app)
    assert account.stack(f"tagship-{app}") is None
    assert account.document(app) is None


def test_a_document_that_is_not_there_is_none(account: Foundation, app: str) -> None:
    assert account.document(app) is None


def test_the_default_version_is_what_was_put_last(account: Foundation, app: str) -> None:
    for number, word in enumerate(["one", "two"], 1):
        assert account.put_document(app, document(word)) == str(number)
        there = account.document(app)
        assert there
        assert same_document(there, document(word))


def test_a_content_that_was_installed_before_is_chosen_again_and_not_made_again(account: Foundation, app: str) -> None:
    for word in ("one", "two"):
        account.put_document(app, document(word))
    assert account.put_document(app, document("one")) == "1"
    assert account.put_document(app, document("three")) == "3"


# -- the adapter alone -------------------------------------------------------------------------------------------------


def test_the_public_key_verifies_what_the_key_signs(app: str, tmp_path: Path) -> None:
    account = real()
    account.put_stack(wanted(app))
    (tmp_path / "pub.pem").write_text(account.public_key(f"kms:alias/{app}"))
    signature = KmsSigner(strict_aws.aws(), f"alias/{app}").sign(b"a manifest")
    PemVerifier(tmp_path / "pub.pem").verify(b"a manifest", signature, "it")


def test_a_key_that_cannot_sign_manifests_is_refused() -> None:
    key = strict_aws.aws().client("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    with pytest.raises(Refused, match="RSA_2048"):
        real().public_key(f"kms:{key}")


def test_the_bucket_of_the_stack_has_its_policy_and_another_has_gaps(app: str) -> None:
    account = real()
    account.put_stack(wanted(app))
    policy = strict_aws.aws().client("s3").get_bucket_policy(Bucket=f"{app}-artifacts")["Policy"]
    assert {one["Sid"] for one in json.loads(policy)["Statement"]} == {
        *("TlsOnly", "ArtifactsAreWrittenOnce", "ArtifactsAreCleanedUpByTheirRole"),
        *("RecordsAreWrittenOnce", "RecordsStay", "LocksStay"),
    }
    strict_aws.bucket(f"{app}-older")
    open_to_all = [
        "artifacts can be written over",
        "artifacts can be deleted by anybody",
        "the ledger can be written over",
        "the ledger can be deleted",
        "it can be spoken to without TLS",
    ]
    older = f"{app}-older"
    assert account.bucket_gaps(older, app) == ["versioning is off", "public access is not blocked", *open_to_all]
    s3 = strict_aws.aws().client("s3")
    s3.put_bucket_versioning(Bucket=f"{app}-older", VersioningConfiguration={"Status": "Enabled"})
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    everything = dict.fromkeys(blocks, True)
    s3.put_public_access_block(Bucket=f"{app}-older", PublicAccessBlockConfiguration=everything)  # type: ignore[arg-type]
    assert account.bucket_gaps(older, app) == open_to_all
    s3.put_bucket_policy(Bucket=older, Policy=policy)
    assert account.bucket_gaps(older, app) == open_to_all, "that policy is of another bucket"
    s3.put_bucket_policy(Bucket=older, Policy=policy.replace(f"{app}-artifacts", older))
    assert account.bucket_gaps(older, app) == []


def test_githubs_provider_is_made_once_in_an_account(app: str) -> None:
    account = real()
    account.put_stack(wanted(app, ProviderArn=""))
    assert account.found("none", "", "").provider.endswith("oidc-provider/token.actions.githubusercontent.com")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("UPDATE_IN_PROGRESS", Held, "Somebody else is changing the stack"),
        ("ROLLBACK_COMPLETE", Refused, "aws cloudformation delete-stack --stack-name tagship-"),
        ("UPDATE_ROLLBACK_FAILED", Refused, "continue-update-rollback"),
    ],
)
def test_a_stack_in_a_state_that_cannot_be_changed_is_left_alone(
    app: str, status: str, error: type[Refused], words: str
) -> None:
    account = real()
    account.put_stack(wanted(app))
    from moto.cloudformation.models import cloudformation_backends

    for stack in cloudformation_backends["123456789012"]["us-east-1"].stacks.values():
        if stack.name == f"tagship-{app}":
            stack.status = status
    with pytest.raises(error) as caught:
        account.put_stack(replace(wanted(app), template=TEMPLATE + "# more\n"))
    assert words in f"{caught.value.what} {caught.value.remedy}"


class OfRegions(Aws):
    """sa-east-1 refuses, as an organization may have it."""

    def client(self, name: str) -> Any:
        if self.region == "sa-east-1" and name == "cloudformation":
            raise ServiceFailed("Access denied.", remedy="Ask for it")
        return super().client(name)


def test_stacks_of_other_regions_are_listed_and_a_region_that_refuses_is_named(app: str) -> None:
    aws = strict_aws.aws()
    name, given = f"tagship-{app}", {each.name: getattr(aws, each.name) for each in fields(aws) if each.init}
    account = AccountFoundation(OfRegions(**given), SystemClock())
    account.put_stack(wanted(app))  # in its own, which is not asked
    assert account.stacks_elsewhere([name]) == Elsewhere([], ["sa-east-1"])
    far = replace(aws, region="eu-west-1").client("cloudformation")
    for stack in (name, f"{name}-other"):
        far.create_stack(StackName=stack, TemplateBody=TOPIC)
    assert account.stacks_elsewhere([name]) == Elsewhere([("eu-west-1", name)], ["sa-east-1"])
    far.delete_stack(StackName=name)
    assert account.stacks_elsewhere([name]).stacks == []
