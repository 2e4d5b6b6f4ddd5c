"""Resources of CloudFormation that moto does not make, or makes otherwise than a template asks.

KMS keys: moto makes every one symmetric, with a policy that it cannot read afterwards. GitHub's OIDC provider and a
bucket's policy it passes over in silence. Of moto's own, only what is used is imported here: its parser of templates
imports all the services there are.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.utilities.utils import get_partition


def install() -> None:
    """Have keys made as asked. The other two are found by moto itself: it looks for subclasses of its model."""
    from moto.kms.models import Key

    Key.create_from_cloudformation_json = _make_key  # type: ignore[assignment]


def _make_key(_name: str, template: Any, account_id: str, region_name: str, **_more: Any) -> Any:
    from moto.kms.models import kms_backends

    properties = template["Properties"]
    key = kms_backends[account_id][region_name].create_key(
        policy=json.dumps(properties["KeyPolicy"]),
        key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
        key_spec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        description=properties.get("Description"),
        tags=properties.get("Tags", []),
    )
    key.key_rotation_status = properties.get("EnableKeyRotation", False)
    key.enabled = properties.get("Enabled", True)
    return key


class Provider(CloudFormationModel):
    """AWS::IAM::OIDCProvider."""

    def __init__(self, arn: str) -> None:
        self.physical_resource_id = arn

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::IAM::OIDCProvider"

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]  # moto passes the first four by position
        cls, _name: str, template: Any, account_id: str, region_name: str, **_more: Any
    ) -> Any:
        from moto.iam.models import iam_backends

        properties = template["Properties"]
        backend = iam_backends[account_id][get_partition(region_name)]
        return cls(backend.create_open_id_connect_provider(properties["Url"], [], properties["ClientIdList"], []).arn)


class BucketPolicy(CloudFormationModel):
    """AWS::S3::BucketPolicy."""

    def __init__(self, bucket: str) -> None:
        self.physical_resource_id = bucket

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]  # moto passes the first four by position
        cls, _name: str, template: Any, account_id: str, region_name: str, **_more: Any
    ) -> Any:
        from moto.s3.models import s3_backends

        properties = template["Properties"]
        backend = s3_backends[account_id][get_partition(region_name)]
        backend.put_bucket_policy(properties["Bucket"], json.dumps(properties["PolicyDocument"]).encode())
        return cls(properties["Bucket"])

    @classmethod
    def update_from_cloudformation_json(
        cls, _there: Any, name: str, template: Any, account_id: str, region_name: str
    ) -> Any:
        return cls.create_from_cloudformation_json(name, template, account_id, region_name)
