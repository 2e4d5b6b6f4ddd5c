"""The code that a request to Lambda names: a zip file, itself or in the bucket, or an image."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping
from typing import Any

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.lambda_requests import Given, LambdaError
from tagship.sandbox.functions.function import Snapshot
from tagship.sandbox.functions.images import Images


def read(images: Images, given: Given, settings: Mapping[str, Any]) -> Snapshot:
    """Read a request's image or zip file."""
    address = given.get("ImageUri", "")
    if not address:
        return Snapshot(_archive(given), settings)
    digest = images.digest(address)
    if not digest:
        raise LambdaError(
            "InvalidParameterValueException", f"Source image {address} does not exist. Provide a valid source image."
        )
    return Snapshot(b"", settings, address, digest)


def _archive(given: Given) -> bytes:
    """Read a request's zip file, from the bucket if it says so."""
    if "ZipFile" in given:
        raw = base64.b64decode(given["ZipFile"])
    else:
        key = stock.backend("s3", "aws").get_object(given.get("S3Bucket"), given.get("S3Key", ""))
        if key is None:
            raise LambdaError(
                "InvalidParameterValueException",
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key "
                "does not exist.",
            )
        raw = key.value
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        raise LambdaError("InvalidParameterValueException", "Could not unzip uploaded file. Please check your file.")
    return raw
