"""Signature Version 4, checked: a request is signed again by botocore's own signer, and the two have to be the same.

Follows "Signature Version 4 for API requests" of the IAM User Guide
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html) and, for S3, "Authenticating Requests" of its API
reference (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). More than AWS asks for:
every x-amz- header has to be signed, for the stand-in chooses the service by some of them. Not modelled: SigV4A,
Signature Version 2 and forms that a browser posts to S3: all are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tagship.sandbox.door.keys import same
from tagship.sandbox.web import Environ

SKEW = timedelta(minutes=15)  # S3's; other services take 5 minutes
LONGEST = timedelta(days=7)  # of a presigned address
STAMP = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,\s]+), ?SignedHeaders=(?P<headers>[^,\s]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
QUERY = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")  # each X-Amz- in an address


class Unsigned(Exception):
    """Nothing says who asks."""


class Forged(Exception):
    """The signature is not what the secret key makes of this request."""


class Late(Exception):
    """The time that was signed is too far from now."""


@dataclass(frozen=True)
class Claim:
    """Who says to have signed, when, and what of the request."""

    credential: str
    headers: tuple[str, ...]
    signature: str
    stamp: str  # as in 20261120T155301Z
    lasts: timedelta | None = None  # a presigned address says how long

    @cached_property
    def scope(self) -> list[str]:
        """Split the credential: key, date, region, service, and a fixed word."""
        scope = self.credential.rsplit("/", 4)
        if len(scope) != 5 or scope[4] != "aws4_request" or scope[1] != self.stamp[:8]:
            raise Forged("The credential scope is malformed.")
        return scope

    @property
    def key(self) -> str:
        return self.scope[0]

    @property
    def service(self) -> str:
        return self.scope[3]


def claim(environ: Environ) -> Claim:
    """Read who signed, from the header or the address. Raises Unsigned."""
    match = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if match:
        headers = tuple(match["headers"].split(";"))
        return Claim(match["credential"], headers, match["signature"], environ.get("HTTP_X_AMZ_DATE", ""))
    asked = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    algorithm, credential, date, expires, signed, signature = (asked.get(f"X-Amz-{name}", "") for name in QUERY)
    if algorithm != "AWS4-HMAC-SHA256" or "HTTP_AUTHORIZATION" in environ or not expires.isdigit():
        raise Unsigned("The request is not signed by Signature Version 4.")
    return Claim(credential, tuple(signed.split(";")), signature, date, timedelta(seconds=min(int(expires), 10**9)))


def require_in_time(claimed: Claim, now: datetime) -> None:
    """Refuse what was signed too long ago or ahead. Raises Late."""
    try:
        at = datetime.strptime(claimed.stamp, STAMP).replace(tzinfo=UTC)
    except ValueError as reason:
        raise Forged("The time of the signature is malformed.") from reason
    if at - now > SKEW or now - at > (SKEW if claimed.lasts is None else min(claimed.lasts, LONGEST)):
        raise Late(f"The request was signed at {claimed.stamp}; it is {now.strftime(STAMP)} here.")


@dataclass(frozen=True)
class Request:
    """A request with its body read, and the claim that it makes."""

    environ: Environ
    claimed: Claim
    body: bytes

    @property
    def stored(self) -> bool:
        """Tell whether it is S3's: paths and payloads differ there."""
        return self.claimed.service == "s3"

    def header(self, name: str) -> str:
        special = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
        value: str = self.environ.get(special.get(name, f"HTTP_{name.upper().replace('-', '_')}"), "")
        return value.encode("latin-1").decode("utf-8", "replace")

    @property
    def token(self) -> str:
        """Return the session token that was sent; empty if none was."""
        asked = dict(parse_qsl(self.environ["QUERY_STRING"]))
        return self.header("x-amz-security-token") or asked.get("X-Amz-Security-Token", "")

    @property
    def payload(self) -> str:
        """Return the body's hash, or what S3 has in its place."""
        given = self.header("x-amz-content-sha256")
        if self.stored:
            return given or ("UNSIGNED-PAYLOAD" if self.claimed.lasts is not None else "")
        return sha256(self.body).hexdigest()

    def unsigned_headers(self) -> list[str]:
        """List the headers that have to be signed and are not."""
        names = [name.removeprefix("HTTP_").replace("_", "-").lower() for name in self.environ]
        wanted = {"host", *(name for name in names if name.startswith("x-amz-"))}
        return sorted(wanted - {name.lower().replace("_", "-") for name in self.claimed.headers})

    def canonical(self) -> AWSRequest:
        """Make of it what botocore signs."""
        target = urlsplit(self.environ["RAW_URI"])
        path = quote(unquote(target.path), safe="/-_.~") if self.stored else target.path
        asked = parse_qsl(target.query, keep_blank_values=True)
        query = urlencode([pair for pair in asked if pair[0] != "X-Amz-Signature"], quote_via=quote, safe="-_.~")
        signed = {name: self.header(name) for name in self.claimed.headers}
        made = AWSRequest(self.environ["REQUEST_METHOD"], f"http://sandbox{path}?{query}", signed)
        made.context["timestamp"] = self.claimed.stamp
        return made


class Signer:
    """Botocore's signer, made to sign what was signed, and when."""

    def __init__(self, request: Request, secret: str) -> None:
        self._auth, self._made = _auth(request, secret), request.canonical()
        self._auth.headers_to_sign = lambda made: made.headers
        self._auth.payload = lambda _made: request.payload

    def signature(self) -> str:
        """Sign the request."""
        return self.of(self._auth.string_to_sign(self._made, self._auth.canonical_request(self._made)))

    def of(self, text: str) -> str:
        """Sign a text with the request's key, day, region and service."""
        signed: str = self._auth.signature(text, self._made)
        return signed


def _auth(request: Request, secret: str) -> Any:
    kind = S3SigV4Auth if request.stored else SigV4Auth
    _, _, region, service, _ = request.claimed.scope
    return kind(Credentials(request.claimed.key, secret), service, region)


def require_genuine(request: Request, secret: str) -> Signer:
    """Sign the request again; raise Forged if that comes out otherwise."""
    if missing := request.unsigned_headers():
        raise Forged(f"Headers have to be signed, too: {', '.join(missing)}.")
    signer = Signer(request, secret)
    if not request.payload or not same(request.claimed.signature, signer.signature()):
        raise Forged("The signature does not match the request.")
    return signer
