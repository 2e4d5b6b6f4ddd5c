"""AWS's error codes by what a person does about them, and the operations whose permission has another name."""

from __future__ import annotations

KINDS: dict[str, frozenset[str]] = {
    "expired": frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}),
    "unknown": frozenset(
        {
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "InvalidToken",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    ),
    "denied": frozenset(
        {"403", "AccessDenied", "AccessDeniedException", "KMSAccessDeniedException", "UnauthorizedOperation"}
    ),
    "bucket": frozenset({"NoSuchBucket"}),
    "elsewhere": frozenset({"301", "AuthorizationHeaderMalformed", "PermanentRedirect"}),
    "skewed": frozenset({"RequestTimeTooSkewed"}),
    "throttled": frozenset(
        {
            "503",
            "RequestLimitExceeded",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        }
    ),
}
"""Error codes by what a person does about them. HEAD is answered without a body: the code is then the status."""

IAM_ACTIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket"}
"""Operations whose permission has another name (Service Authorization Reference, Amazon S3)."""
