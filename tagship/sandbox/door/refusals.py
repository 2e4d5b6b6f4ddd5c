"""What AWS answers to a request that it does not believe, as each kind of service writes it.

Codes: "Common error types" of each service's API reference, S3's "Error responses", and EC2's "Error codes".
"""

from __future__ import annotations

import json
from enum import Enum

from tagship.sandbox.web import Environ

XML = "<?xml version='1.0' encoding='UTF-8'?>\n"
FORM = "application/x-www-form-urlencoded"


class Reason(Enum):
    """Why a request is refused.

    The codes are those of S3, of JSON services, of query services, and of EC2.
    """

    UNSIGNED = ("AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationToken", "AuthFailure")
    UNKNOWN = ("InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure")
    FORGED = ("SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure")
    LATE = ("RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired")


def refusal(environ: Environ, service: str, reason: Reason, message: str) -> tuple[str, bytes]:
    """Write an answer's content type and body."""
    stored, spoken, queried, ec2 = reason.value
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        return "application/x-amz-json-1.1", json.dumps({"__type": spoken, "message": message}).encode()
    if service == "ec2":
        return "text/xml", _xml(f"<Response><Errors>{_error(ec2, message)}</Errors></Response>")
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        return "text/xml", _xml(f"<ErrorResponse>{_error(queried, message)}</ErrorResponse>")
    return "application/xml", _xml(_error(stored, message))


def _error(code: str, message: str) -> str:
    shown = message.replace("&", "&amp;").replace("<", "&lt;")
    return f"<Error><Code>{code}</Code><Message>{shown}</Message></Error>"


def _xml(text: str) -> bytes:
    return (XML + text).encode()
