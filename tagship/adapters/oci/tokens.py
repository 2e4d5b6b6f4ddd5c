"""What a registry is shown: a bearer token for a scope, the credential itself, or nothing.

https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/: GHCR, Docker Hub and GitLab name a realm
that gives tokens; ECR takes its own credential.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tagship.adapters.oci.logins import Login
from tagship.domain.oci import Challenge
from tagship.errors import ServiceFailed

if TYPE_CHECKING:
    from requests import Response, Session

TIMEOUT = 30  # seconds
SHORTEST = 60  # seconds that a token lives if its answer doesn't say
EARLY = 10  # seconds before its end that a token isn't used any more


@dataclass
class Tokens:
    """The headers of one registry, by scopes."""

    host: str
    base: str
    login: Callable[[], Login | None]
    session: Session
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[str, ...], tuple[str, float]] = field(default_factory=dict)
    _basic: str = ""

    @cached_property
    def _login(self) -> Login | None:
        return self.login()

    def header(self, scopes: tuple[str, ...]) -> str:
        """Return an Authorization header that is good still; empty without."""
        value, until = self._kept.get(scopes, ("", 0.0))
        return value if value and self.clock() < until else self._basic

    def renewed(self, challenge: Challenge | None, scopes: tuple[str, ...], refused: str) -> str:
        """Return the header that a challenge asks for; empty without credentials."""
        if challenge is None:
            return ""
        if refused != self.header(scopes):  # another thread renewed it meanwhile
            return self.header(scopes)
        if challenge.scheme == "basic":
            self._basic = self._login.basic if self._login else ""
            return self._basic
        value, seconds = self._token(challenge, scopes)
        self._kept[scopes] = (value, self.clock() + seconds - EARLY)
        return value

    def _token(self, challenge: Challenge, scopes: tuple[str, ...]) -> tuple[str, float]:
        """Ask the realm for a token, and its seconds to live.

        Raises ServiceFailed.
        """
        from requests import RequestException

        realm = urlsplit(challenge.realm)
        if not realm.netloc or realm.scheme not in ("https", urlsplit(self.base).scheme):
            raise self._failed(f"its realm {challenge.realm!r} does not begin with https://")
        try:
            answer = self._asked(challenge, scopes)
            if not answer.ok:
                raise self._failed(f"{realm.netloc} answered {answer.status_code}")
            body = answer.json()
            return f"Bearer {body.get('token') or body['access_token']}", float(body.get("expires_in") or SHORTEST)
        except (RequestException, OSError) as reason:
            raise self._failed(f"{realm.netloc} doesn't answer ({type(reason).__name__})") from reason
        except (ValueError, KeyError, AttributeError, TypeError) as reason:
            raise self._failed(f"{realm.netloc} answered without a token") from reason

    def _asked(self, challenge: Challenge, scopes: tuple[str, ...]) -> Response:
        """Ask for a token by GET; exchange an identity token by POST."""
        login, service = self._login, {"service": challenge.service} if challenge.service else {}
        given: Any = {"timeout": TIMEOUT, "allow_redirects": False}
        if login and login.identity:
            form = {"grant_type": "refresh_token", "client_id": "tagship", "refresh_token": login.identity}
            return self.session.post(challenge.realm, data=form | service | {"scope": " ".join(scopes)}, **given)
        headers = {"Authorization": login.basic} if login else {}
        query = [*service.items(), *(("scope", scope) for scope in scopes)]
        return self.session.get(challenge.realm, params=query, headers=headers, **given)

    def _failed(self, why: str) -> ServiceFailed:
        return ServiceFailed(
            f"The registry {self.host} gives no token: {why}.", remedy=f"Log in: docker login {self.host}"
        )
