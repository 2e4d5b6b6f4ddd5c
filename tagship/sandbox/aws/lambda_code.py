"""The code that a request to Lambda names, a zip file or an image; and where a caller finds it again."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.lambda_requests import Given, LambdaError
from tagship.sandbox.functions.function import Snapshot
from tagship.sandbox.functions.images import Images
from tagship.sandbox.world import World

KEPT = "sandbox-lambda-code"  # the bucket of Lambda's own that Location leads to
WITHIN = 600  # seconds that an address is good for, as Lambda's


def read(images: Images, given: Given, settings: Mapping[str, Any], region: str) -> Snapshot:
    """Read a request's image or zip file.

    A bucket has to be in the function's region.
    """
    address = given.get("ImageUri", "")
    if not address:
        return Snapshot(_archive(given, region), settings)
    digest = images.digest(address)
    if not digest:
        raise LambdaError(
            "InvalidParameterValueException", f"Source image {address} does not exist. Provide a valid source image."
        )
    return Snapshot(b"", settings, address, digest)


def located(world: World, content: Snapshot) -> str:
    """Sign the address of a zip file; empty for an image."""
    if content.image:
        return ""
    store, key = stock.backend("s3", "aws"), hashlib.sha256(content.archive).hexdigest()
    if KEPT not in store.buckets:
        store.create_bucket(KEPT, "us-east-1")
    store.put_object(KEPT, key, content.archive)
    asked = AWSRequest("GET", f"{world.url}/{KEPT}/{key}")
    S3SigV4QueryAuth(Credentials(world.keys.access, world.keys.secret), "s3", world.region, WITHIN).add_auth(asked)
    return str(asked.url)


def _archive(given: Given, region: str) -> bytes:
    """Read a request's zip file, from the bucket if it says so."""
    if "ZipFile" in given:
        raw = base64.b64decode(given["ZipFile"])
    else:
        raw = _stored(given.get("S3Bucket", ""), given.get("S3Key", ""), region)
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        raise LambdaError("InvalidParameterValueException", "Could not unzip uploaded file. Please check your file.")
    return raw


def _stored(bucket: str, key: str, region: str) -> bytes:
    stored = stock.bucket(bucket)
    if stored is None:
        raise _unread("NoSuchBucket", "The specified bucket does not exist.")
    if stored.region_name != region:
        words = f"The bucket is in this region: {stored.region_name}. Please use this region to retry the request"
        raise _unread("PermanentRedirect", words)
    if key not in stored.keys:
        raise _unread("NoSuchKey", "The specified key does not exist.")
    raw: bytes = stored.keys[key].value
    return raw


def _unread(code: str, message: str) -> LambdaError:
    words = f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    return LambdaError("InvalidParameterValueException", words)
