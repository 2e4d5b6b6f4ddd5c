"""The sandbox's S3 is as strict as the real one where a release leans on it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship.sandbox.state import Running
from tests.sandbox.conftest import post

BUCKET = "tiny-artifacts"
# Each racer has boto3 before it parts from the others, and puts once the last is there: the pipe is closed then.
RACERS = """
import os, sys, boto3
from botocore.exceptions import ClientError

def race(name):
    s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
    body = str(name).encode().ljust(8 << 20, b".")
    os.read(begin, 1)
    try:
        s3.put_object(Bucket="tiny-artifacts", Key=key, Body=body, IfNoneMatch="*")
        return "won"
    except ClientError as problem:
        return problem.response["Error"]["Code"]

url, key = sys.argv[1:]
begin, ready = os.pipe()
for name in range(16):
    if os.fork() == 0:
        os.close(ready)
        said = "died"
        try:
            said = race(name)
        finally:
            os.write(1, f"{name} {said}\\n".encode())
            os._exit(0)
os.close(ready)
for _ in range(16):
    os.wait()
"""


@pytest.fixture
def key() -> str:
    return f"tests/{uuid.uuid4()}"


def refused(act: Any, **given: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        act(Bucket=BUCKET, **given)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_sixteen_processes_with_eight_megabytes_have_exactly_one_winner(sandbox: Running, s3: Any, key: str) -> None:
    command = [sys.executable, "-c", RACERS, sandbox.aws_url, key]
    given = {**os.environ, **sandbox.keys.variables}
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    words = dict(line.split() for line in done.stdout.splitlines())
    said = [words[str(number)] for number in range(16)]
    assert sorted(said) == ["PreconditionFailed"] * 15 + ["won"]
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body.rstrip(b".") == str(said.index("won")).encode()


def test_a_compare_and_swap_takes_the_etag_that_is_there_and_no_other(s3: Any, key: str) -> None:
    first = s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")["ETag"]
    second = s3.put_object(Bucket=BUCKET, Key=key, Body=b"2", IfMatch=first)["ETag"]
    assert refused(s3.put_object, Key=key, Body=b"3", IfMatch=first) == (412, "PreconditionFailed")
    assert refused(s3.delete_object, Key=key, IfMatch=first) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=BUCKET, Key=key, IfMatch=second)
    assert refused(s3.put_object, Key=key, Body=b"4", IfMatch=second) == (404, "NoSuchKey")


def test_a_checksum_that_does_not_match_is_refused_and_nothing_is_stored(s3: Any, key: str) -> None:
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert refused(s3.put_object, Key=key, Body=b"body", ChecksumSHA256=other) == (400, "BadDigest")
    assert refused(s3.head_object, Key=key)[0] == 404


def test_a_sha256_that_was_given_is_read_back_with_the_metadata(s3: Any, key: str) -> None:
    sha = base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"body", ChecksumSHA256=sha, Metadata={"commit-sha": "abc"})
    head = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ContentLength"], head["Metadata"]) == (sha, 4, {"commit-sha": "abc"})


def test_a_race_that_a_test_asks_for_answers_409_once(sandbox: Running, s3: Any, key: str) -> None:
    post(sandbox, "faults", {"conflicts": {key: 1}})
    assert refused(s3.put_object, Key=key, Body=b"1", IfNoneMatch="*") == (409, "ConditionalRequestConflict")
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"1", IfNoneMatch="*")


def test_copying_honours_the_conditions_on_both_sides(s3: Any, key: str) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")["ETag"]
    source = {"Bucket": BUCKET, "Key": key}
    s3.copy_object(Bucket=BUCKET, Key=f"{key}-copy", CopySource=source, IfNoneMatch="*", CopySourceIfMatch=etag)
    assert refused(s3.copy_object, Key=f"{key}-copy", CopySource=source, IfNoneMatch="*") == (412, "PreconditionFailed")
    given = {"Key": f"{key}-2", "CopySource": source, "CopySourceIfMatch": '"0"'}
    assert refused(s3.copy_object, **given) == (412, "PreconditionFailed")


def test_completing_an_upload_honours_its_condition(s3: Any, key: str) -> None:
    def upload() -> dict[str, Any]:
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        given = {"Bucket": BUCKET, "Key": key, "UploadId": upload_id}
        etag = s3.upload_part(**given, PartNumber=1, Body=b"part")["ETag"]
        return given | {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}, "IfNoneMatch": "*"}

    first, second = upload(), upload()
    s3.complete_multipart_upload(**first)
    del second["Bucket"]
    assert refused(s3.complete_multipart_upload, **second) == (412, "PreconditionFailed")


def test_a_call_that_is_not_simulated_fails_at_once_and_says_so(ssm: Any) -> None:
    with pytest.raises(ClientError, match="describe_patch_groups") as caught:
        ssm.describe_patch_groups()
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_one_connection_serves_many_requests(sandbox: Running, tmp_path: Path) -> None:
    import http.client

    connection = http.client.HTTPConnection(sandbox.aws_url.removeprefix("http://"))
    sockets = set()
    for _ in range(3):
        connection.request("GET", f"/github/{sandbox.keys.page}/sandbox/tiny")
        connection.getresponse().read()
        assert connection.sock
        sockets.add(connection.sock.getsockname())
    connection.close()
    assert len(sockets) == 1


def test_a_denial_with_a_condition_denies_no_read_and_one_without_does(s3: Any) -> None:
    s3.create_bucket(Bucket="policed")
    s3.put_object(Bucket="policed", Key="key", Body=b"x")
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::policed/*"}
    tls = {**denial, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    for statement, code in ((tls, 200), (denial, 403)):
        s3.put_bucket_policy(Bucket="policed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        try:
            answer = s3.head_object(Bucket="policed", Key="key")
        except ClientError as refused:
            answer = refused.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == code
