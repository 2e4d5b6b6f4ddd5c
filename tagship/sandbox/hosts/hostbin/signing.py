"""Signature Version 4 for the AWS CLI's stand-in, by the standard library alone; tagship.sandbox.door checks it.

Follows https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, with the keys of the
environment.
"""

import hashlib
import hmac
import os
import time

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    Request = tuple[str, str, str]  # method, quoted path, and query in the order that is signed


def signature(request: "Request", scope: "list[str]", headers: "dict[str, str]", body: bytes) -> str:
    """Sign a request whose query and headers are sorted."""
    method, path, query = request
    lines = [f"{name}:{value}" for name, value in headers.items()]
    hashed = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, path, query, *lines, "", ";".join(headers), hashed])
    text = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{os.environ.get('AWS_SECRET_ACCESS_KEY', '')}".encode()
    for part in [*scope, text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def signed(request: "Request", service: str, region: str, headers: "dict[str, str]", body: bytes) -> "list[str]":
    """Return a request's headers, with the one that says who asks."""
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {**headers, "x-amz-date": at, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    if "AWS_SESSION_TOKEN" in os.environ:
        headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    headers = dict(sorted(headers.items()))
    scope = [at[:8], region, service, "aws4_request"]
    credential = "/".join([os.environ.get("AWS_ACCESS_KEY_ID", "none"), *scope])
    claim = f"Credential={credential}, SignedHeaders={';'.join(headers)}"
    head = [f"{name}: {value}" for name, value in headers.items()]
    return [*head, f"Authorization: AWS4-HMAC-SHA256 {claim}, Signature={signature(request, scope, headers, body)}"]
