"""AWS behind its lock: whoever asks has signed by a key that is the run's own, or that IAM or STS gave out."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from tagship.sandbox.aws import identities
from tagship.sandbox.door.keys import Keys, same
from tagship.sandbox.door.payload import require_untouched
from tagship.sandbox.door.refusals import Reason, refusal
from tagship.sandbox.door.signatures import (
    Claim,
    Forged,
    Late,
    Request,
    Unsigned,
    claim,
    require_genuine,
    require_in_time,
)
from tagship.sandbox.web import Environ, StartResponse, WsgiApp


def _now() -> datetime:
    return datetime.now(UTC)


class Unknown(Exception):
    """No such key."""


REASONS = {Unsigned: Reason.UNSIGNED, Unknown: Reason.UNKNOWN, Forged: Reason.FORGED, Late: Reason.LATE}


@dataclass(frozen=True)
class Signed:
    """A WSGI application that passes on signed requests and refuses others."""

    app: WsgiApp
    keys: Keys
    now: Callable[[], datetime] = _now

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        service = ""
        try:
            claimed = claim(environ)
            service = claimed.service
            self._check(environ, claimed)
        except tuple(REASONS) as problem:
            kind, body = refusal(environ, service, REASONS[type(problem)], str(problem))
            start_response("403 Forbidden", [("Content-Type", kind)])
            return [body]
        return self.app(environ, start_response)

    def _check(self, environ: Environ, claimed: Claim) -> None:
        secret, token = self._secret(claimed.key)
        request = Request(environ, claimed, _body(environ))
        if token + request.token and not same(request.token, token):
            raise Unknown("The security token is not the key's.")
        signer = require_genuine(request, secret)
        require_untouched(request, signer)
        require_in_time(claimed, self.now())
        environ["HTTP_AUTHORIZATION"] = _authorization(claimed)

    def _secret(self, key: str) -> tuple[str, str]:
        """Find a key's secret and session token."""
        if same(key, self.keys.access):
            return self.keys.secret, ""
        known = identities.secret_of(key)
        if known is None:
            raise Unknown(f"The sandbox has no access key {key}: each start has a key of its own.")
        return known


def _body(environ: Environ) -> bytes:
    """Read the body, and leave it to be read again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _authorization(claimed: Claim) -> str:
    """Write what was checked where moto looks for the service to ask."""
    # Of an address that was presigned it would look at the body instead, of which nothing is signed.
    signed = ";".join(claimed.headers)
    return f"AWS4-HMAC-SHA256 Credential={claimed.credential}, SignedHeaders={signed}, Signature={claimed.signature}"
