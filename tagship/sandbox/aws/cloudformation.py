"""Resources of CloudFormation that moto does not make, or not as a template asks.

Follows the Template Reference
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html, and there
aws-resource-iam-oidcprovider.html, aws-resource-s3-bucketpolicy.html, aws-resource-cloudwatch-alarm.html). moto makes
every KMS key symmetric, with a policy that it cannot read afterwards, silently passes over GitHub's OIDC provider, a
bucket's policy and alarms, makes a statement of AWS::NoValue, gives a role's policies back as Python writes them, and
leaves a role as it is when its stack changes. Of a bucket it makes no versioning, block of public access or lifecycle,
and deletes one that its template retains (RetainExceptOnCreate), as every template here does. Does not model:
changes of a key or a provider in a stack that exists, Fn::GetAtt of a provider, a policy or an alarm, and drift.

Of moto's own, only what is used is imported here: its parser of templates imports all the services there are.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.core.responses import BaseResponse, EmptyResult
from moto.utilities.utils import get_partition

from tagship.sandbox.aws import stock
from tagship.sandbox.world import World


def install(_world: World) -> None:
    """Make keys and managed policies as a template asks."""
    # moto finds the others itself: it looks for subclasses of its model.
    from moto.iam.models import ManagedPolicy, Role
    from moto.kms.models import Key
    from moto.s3.models import FakeBucket

    stock.replace(Key, "create_from_cloudformation_json", lambda _original: _make_key)
    stock.replace(ManagedPolicy, "create_from_cloudformation_json", _without_nothing)
    stock.replace(Role, "create_from_cloudformation_json", _without_nothing)
    stock.replace(Role, "update_from_cloudformation_json", lambda _original: _change_role)
    stock.replace(ManagedPolicy, "delete", lambda _original: _delete_policy)
    stock.replace(Role, "delete", lambda _original: _delete_role)
    stock.replace(FakeBucket, "create_from_cloudformation_json", _protected)
    stock.replace(FakeBucket, "delete", lambda _original: _retain)
    # On the class of every response: CloudFormation's own imports all the services there are, and no other has it.
    stock.replace(BaseResponse, "update_termination_protection", lambda _original: _protect)


def _protected(original: Any) -> Any:
    """Give a bucket what its template says beside its name and encryption."""

    def make(name: str, template: Any, account_id: str, region_name: str, **more: Any) -> Any:
        bucket = original(name, template, account_id, region_name, **more)
        properties = template.get("Properties", {})
        if properties.get("VersioningConfiguration"):
            bucket.versioning_status = properties["VersioningConfiguration"]["Status"]
        if properties.get("PublicAccessBlockConfiguration"):
            backend = stock.backend("s3", get_partition(region_name), account_id)
            backend.put_public_access_block(name, properties["PublicAccessBlockConfiguration"])
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", ())
        bucket.set_lifecycle([{"Prefix": "", **rule, "ID": rule["Id"]} for rule in rules])
        return bucket

    return make


def _protect(response: Any) -> EmptyResult:
    """Answer UpdateTerminationProtection, which moto has not."""
    name = response._get_param("StackName")
    stack = response.cloudformation_backend.get_stack(name)
    stack.enable_termination_protection = response._get_param("EnableTerminationProtection") == "true"
    return EmptyResult()


def _retain(_bucket: Any, *_place: Any) -> None:
    """Leave a bucket where it is when its stack goes."""


def _without_nothing(original: Any) -> Any:
    """Leave AWS::NoValue out of the lists of policies."""
    # moto leaves a null in them, which is no statement.

    def make(name: str, template: Any, *given: Any, **more: Any) -> Any:
        return original(name, {**template, "Properties": _written(template["Properties"])}, *given, **more)

    return make


def _written(properties: Any) -> Any:
    """Write a role's own policies as JSON, which IAM gives back."""
    full = _full(properties)
    own = [{**policy, "PolicyDocument": json.dumps(policy["PolicyDocument"])} for policy in full.get("Policies", ())]
    return {**full, "Policies": own} if own else full


def _change_role(original_resource: Any, cloudformation_json: Any, **_more: Any) -> Any:
    """Give a role that is there the policies of its stack."""
    role, properties = original_resource, _written(cloudformation_json["Properties"])
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
    role.policies.clear()
    for policy in properties.get("Policies", ()):
        role.put_policy(policy["PolicyName"], policy["PolicyDocument"])
    return role


def _delete_policy(policy: Any, account_id: str, region_name: str) -> None:
    """Detach a managed policy, and delete it."""
    # moto knows no deletion by a stack, and then refuses that of the roles.
    backend = stock.backend("iam", get_partition(region_name), account_id)
    for role in backend.get_roles():
        if role.managed_policies.pop(policy.arn, None):
            policy.attachment_count -= 1
    del backend.managed_policies[policy.arn]


def _delete_role(role: Any, account_id: str, region_name: str) -> None:
    """Delete a role and its own policies.

    One that a policy of another stack is attached to stays.
    """
    role.policies.clear()
    stock.backend("iam", get_partition(region_name), account_id).delete_role(role.name)


def _full(value: Any) -> Any:
    if isinstance(value, list):
        return [_full(item) for item in value if item is not None]
    return {key: _full(item) for key, item in value.items()} if isinstance(value, dict) else value


def _make_key(_name: str, template: Any, account_id: str, region_name: str, **_more: Any) -> Any:
    properties = template["Properties"]
    key = stock.backend("kms", region_name, account_id).create_key(
        policy=json.dumps(properties["KeyPolicy"]),
        key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
        key_spec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        description=properties.get("Description"),
        tags=properties.get("Tags", []),
    )
    key.key_rotation_status = properties.get("EnableKeyRotation", False)
    key.enabled = properties.get("Enabled", True)
    return key


class Made:
    """A resource of a stack that moto has no model of.

    It is known by its physical id. A change makes it again, which overwrites what was. moto looks for direct
    subclasses of CloudFormationModel alone: this is none, and stands before it in the bases.
    """

    kind: str

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    @abstractmethod
    def make(cls, properties: Any, account_id: str, region_name: str) -> str:
        """Make what a template's properties say, and return its id."""

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003  (moto's own names)
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **kwargs: Any,  # noqa: ARG003  (moto's own names)
    ) -> Any:
        return cls(cls.make(cloudformation_json["Properties"], account_id, region_name))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,  # noqa: ARG003  (moto's own names)
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)


class Provider(Made, CloudFormationModel):
    """AWS::IAM::OIDCProvider."""

    kind = "AWS::IAM::OIDCProvider"

    @classmethod
    def make(cls, properties: Any, account_id: str, region_name: str) -> str:
        backend = stock.backend("iam", get_partition(region_name), account_id)
        arn: str = backend.create_open_id_connect_provider(properties["Url"], [], properties["ClientIdList"], []).arn
        return arn


class BucketPolicy(Made, CloudFormationModel):
    """AWS::S3::BucketPolicy."""

    kind = "AWS::S3::BucketPolicy"

    @classmethod
    def make(cls, properties: Any, account_id: str, region_name: str) -> str:
        bucket: str = properties["Bucket"]
        backend = stock.backend("s3", get_partition(region_name), account_id)
        backend.put_bucket_policy(bucket, json.dumps(properties["PolicyDocument"]).encode())
        return bucket


class MetricAlarm(Made, CloudFormationModel):
    """AWS::CloudWatch::Alarm, of one metric."""

    kind = "AWS::CloudWatch::Alarm"

    @classmethod
    def make(cls, properties: Any, account_id: str, region_name: str) -> str:
        name: str = properties["AlarmName"]
        stock.backend("cloudwatch", region_name, account_id).put_metric_alarm(
            name=name,
            namespace=properties["Namespace"],
            metric_name=properties["MetricName"],
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=properties["EvaluationPeriods"],
            period=properties["Period"],
            threshold=properties["Threshold"],
            statistic=properties["Statistic"],
            description=properties["AlarmDescription"],
            dimensions=properties["Dimensions"],
            alarm_actions=properties["AlarmActions"],
            ok_actions=properties["OKActions"],
            treat_missing_data=properties["TreatMissingData"],
        )
        return name

    @classmethod
    def delete_from_cloudformation_json(cls, name: str, _template: Any, account_id: str, region_name: str) -> None:
        stock.backend("cloudwatch", region_name, account_id).delete_alarms([name])
