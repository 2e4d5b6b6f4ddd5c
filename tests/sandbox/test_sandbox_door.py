"""Whoever holds a key gets in, however they sign; tests/attacks/test_sandbox_door.py is about everybody else."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import strict_aws

BUCKET = "door"


def client(service: str, access: str, secret: str, token: str | None = None, **config: Any) -> Any:
    make: Any = boto3.client
    return make(
        service,
        region_name=strict_aws.REGION,
        endpoint_url=strict_aws.url(),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def own(service: str, **config: Any) -> Any:
    return client(service, *strict_aws.aws().keys, **config)


@pytest.fixture(scope="module")
def s3() -> Any:
    made = own("s3")
    made.create_bucket(Bucket=BUCKET)
    return made


KEYS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Cn"]),
    min_size=1,
    max_size=12,
).filter(lambda key: key.strip("./ ") and "//" not in key)


@settings(max_examples=60)
@given(key=KEYS, value=st.text("abc  xyz:;,=/+", max_size=12))
def test_any_name_and_metadata_is_signed_alike_on_both_sides(s3: Any, key: str, value: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"body", Metadata={"note": value.strip(), "a_b": "c"})
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"body"
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=key, EncodingType="url")["KeyCount"] >= 1
    s3.delete_object(Bucket=BUCKET, Key=key)


@pytest.mark.parametrize(
    "config", [{"s3": {"payload_signing_enabled": False}}, {"s3": {"payload_signing_enabled": True}}]
)
def test_a_payload_is_signed_or_said_not_to_be(s3: Any, config: dict[str, Any]) -> None:
    own("s3", **config).put_object(Bucket=BUCKET, Key="payload", Body=b"x" * 100_000)
    assert s3.head_object(Bucket=BUCKET, Key="payload")["ContentLength"] == 100_000


@pytest.mark.parametrize("kind", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_payload_that_is_not_signed_is_taken_as_s3_takes_it(s3: Any, kind: str) -> None:
    streamed = kind.startswith("STREAMING")
    body = b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n" if streamed else b"body"
    headers = {"x-amz-content-sha256": kind, "content-type": "binary/octet-stream"}
    if streamed:
        headers |= {"x-amz-decoded-content-length": "4", "x-amz-trailer": "x-amz-checksum-crc32"}
        headers |= {"content-encoding": "aws-chunked"}

    class Unsigned(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return kind

    request = AWSRequest("PUT", f"{strict_aws.url()}/{BUCKET}/unsigned", headers, body)
    Unsigned(Credentials(*strict_aws.aws().keys), "s3", strict_aws.REGION).add_auth(request)
    sent = urllib.request.Request(request.url, body, dict(request.headers), method="PUT")
    urllib.request.urlopen(sent).close()
    assert s3.get_object(Bucket=BUCKET, Key="unsigned")["Body"].read() == b"body"


def test_a_services_own_protocol_is_signed_whatever_it_is() -> None:
    assert own("sts").get_caller_identity()["Account"]
    assert "Reservations" in own("ec2").describe_instances()
    assert "Parameters" in own("ssm").describe_parameters()
    assert "Functions" in own("lambda").list_functions()
    assert own("cloudformation").list_stacks()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_key_that_iam_gave_out_gets_in_until_it_is_taken_away() -> None:
    iam = own("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    theirs = client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert theirs.get_caller_identity()["Arn"].endswith("user/ada")
    for act in (
        lambda: iam.update_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Inactive"),
        lambda: iam.delete_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"]),
    ):
        act()
        assert code(theirs.get_caller_identity) == "InvalidClientTokenId"


def test_a_roles_key_gets_in_with_its_token_alone() -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    own("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=trust)
    arn = "arn:aws:iam::123456789012:role/deployer"
    lent = own("sts").assume_role(RoleArn=arn, RoleSessionName="run")["Credentials"]
    pair = (lent["AccessKeyId"], lent["SecretAccessKey"])
    assert "assumed-role/deployer" in client("sts", *pair, lent["SessionToken"]).get_caller_identity()["Arn"]
    for token in (None, "x", lent["SessionToken"] + "x"):
        assert code(client("sts", *pair, token).get_caller_identity) == "InvalidClientTokenId"
    address = client("s3", *pair, lent["SessionToken"], signature_version="s3v4").generate_presigned_url("list_buckets")
    assert urllib.request.urlopen(address).status == 200
    assert "X-Amz-Security-Token" in urlsplit(address).query


@pytest.mark.parametrize(
    ("service", "ask", "wanted"),
    [
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("ssm", "describe_parameters", "InvalidSignatureException"),
        ("ec2", "describe_instances", "AuthFailure"),
    ],
)
def test_a_refusal_has_the_code_that_the_service_has(service: str, ask: str, wanted: str) -> None:
    assert code(getattr(client(service, strict_aws.aws().keys[0], "wrong"), ask)) == wanted


def code(ask: Any) -> str:
    with pytest.raises(ClientError) as caught:
        ask()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return str(caught.value.response["Error"]["Code"])
