"""One registry by the OCI distribution API: requests with its credential, redirects without it, and retries.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md. What is asked may be asked again, so 408, 429 and
5xx are; the bytes of a blob are not: whoever sends them begins anew.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from tagship.adapters.oci.logins import HUB, Login
from tagship.adapters.oci.sessions import session_of
from tagship.adapters.oci.tokens import Tokens
from tagship.domain.oci import ACCEPT, LARGEST, RawManifest, challenge_of, origin, raw_manifest
from tagship.errors import NotAuthentic, ServiceFailed

if TYPE_CHECKING:
    from requests import Response, Session

LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?\Z", re.ASCII)
TRIES = 5
PASSING = frozenset({408, 429, 499, 500, 502, 503, 504, 522})
REFUSING = frozenset({401, 403, 404})  # to whoever has not logged in; a private repository is not there for them
LATER = "Run the same command again in a few minutes"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HOPS = 5
TIMEOUT = (10, 120)  # seconds, to connect and for each part of an answer
LONGEST = 60  # seconds between two tries, whatever Retry-After says
CONNECTIONS = 8
CHUNK = 1024 * 1024  # bytes
HUB_API = "registry-1.docker.io"

T = TypeVar("T")


class Passing(Exception):
    """No answer, or one that may be another in a while.

    `after` is in seconds.
    """

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


@dataclass(frozen=True)
class RegistryClient:
    """A registry, by its host. Safe to use from several threads."""

    host: str
    login: Callable[[], Login | None]
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def base(self) -> str:
        return f"{'http' if LOOPBACK.match(self.host) else 'https'}://{HUB_API if self.host in HUB else self.host}"

    @cached_property
    def _session(self) -> Session:
        return session_of(CONNECTIONS, secure=self.base.startswith("https:"))

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens(self.host, self.base, self.login, self._session)

    def named(self, repository: str) -> str:
        """Return a repository's name in the API."""
        # Docker Hub's own images are below library/.
        return f"library/{repository}" if self.host in HUB and "/" not in repository else repository

    # -- manifests -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, reference: str) -> RawManifest | None:
        """Read the manifest of a tag or digest; None without one.

        Raises NotAuthentic if its bytes have another digest.
        """
        path, expected = f"{name}/manifests/{reference}", reference if ":" in reference else ""
        answer = self.ask("GET", path, pulling(name), headers={"Accept": ACCEPT}, stream=True, absent=True)
        if answer.status_code == 404:
            return None
        with closing(answer):
            body = answer.raw.read(LARGEST + 1, decode_content=True)
        if len(body) > LARGEST:
            raise ServiceFailed(
                f"The manifest {path} of {self.host} is larger than {LARGEST:,} bytes.", remedy="Build the image again"
            )
        return raw_manifest(body, answer.headers.get("Content-Type", ""), expected, f"{self.host}/{path}")

    def has(self, name: str, kind: str, reference: str) -> bool:
        """Tell whether a repository has a blob or a manifest.

        `kind` is blobs or manifests.
        """
        headers = {"Accept": ACCEPT} if kind == "manifests" else {}
        answer = self.ask("HEAD", f"{name}/{kind}/{reference}", pulling(name), headers=headers, absent=True)
        return answer.status_code != 404

    def put_manifest(self, name: str, reference: str, manifest: RawManifest) -> None:
        """Write the very bytes under a tag or digest.

        Raises NotAuthentic if the registry keeps others.
        """
        headers = {"Content-Type": manifest.media_type}
        answer = self.ask("PUT", f"{name}/manifests/{reference}", pushing(name), headers=headers, data=manifest.body)
        digest = answer.headers.get("Docker-Content-Digest", manifest.digest)
        if digest != manifest.digest:
            raise NotAuthentic(
                f"{self.host} keeps {name}:{reference} as {digest}; its bytes have {manifest.digest}.",
                remedy="Use a registry that keeps manifests as they are",
            )

    # -- blobs ---------------------------------------------------------------------------------------------------------

    def blob(self, name: str, digest: str) -> Response:
        """Open a blob for reading. Raises ServiceFailed."""
        return self.ask("GET", f"{name}/blobs/{digest}", pulling(name), stream=True)

    def mounted(self, name: str, digest: str, source: str) -> str:
        """Mount a blob of another repository, or begin its upload.

        Returns the URL to upload it to; empty if it is mounted. Without `source` nothing is mounted. https://docs.docker.com/registry/spec/api/#cross-repository-blob-mount
        """
        scopes = (*pushing(name), *(pulling(source) if source else ()))
        query = f"?{urlencode({'mount': digest, 'from': source})}" if source else ""
        answer = self.ask("POST", f"{name}/blobs/uploads/{query}", scopes, absent=bool(source), denied=bool(source))
        if answer.status_code == 201:
            return ""
        if not answer.ok:  # it doesn't know the other repository, or we may not read it there
            return self.mounted(name, digest, "")
        return self._upload(answer)

    def upload(self, name: str, place: str, digest: str, body: Any, size: int) -> None:
        """Send a blob's bytes to an upload's URL. Raises Passing, ServiceFailed."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        answer = self._sent("PATCH", place, pushing(name), headers=headers, data=body)
        if answer.status_code == 401 or answer.status_code in PASSING:
            raise Passing(f"it answered {answer.status_code}", _after(answer))
        self._checked(answer, f"{name}/blobs/uploads")
        end = self._upload(answer)
        end += f"{'&' if '?' in end else '?'}digest={quote(digest, safe='')}"
        self._checked(self._sent("PUT", end, pushing(name), data=b""), f"{name}/blobs/uploads")

    def _upload(self, answer: Response) -> str:
        """Return the URL that an upload goes on at. Raises ServiceFailed."""
        place = urljoin(answer.url, answer.headers.get("Location", ""))
        parts, own = urlsplit(place), urlsplit(self.base)
        if parts.netloc == own.netloc:  # behind a proxy that ends TLS, a registry may name itself by http
            return parts._replace(scheme=own.scheme).geturl()
        self._require_private(place)
        return place

    def _require_private(self, url: str) -> None:
        """Refuse a URL that anybody on the way can read. Raises ServiceFailed."""
        scheme = urlsplit(url).scheme
        if scheme not in ("https", urlsplit(self.base).scheme):
            raise self._away(f"it sends on to {scheme}://, which anybody can read", self._whoever)

    # -- requests ------------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        scopes: tuple[str, ...],
        *,
        absent: bool = False,
        denied: bool = False,
        **given: Any,
    ) -> Response:
        """Send a request below /v2/ until it is answered. Raises ServiceFailed.

        With `absent` a 404 is an answer, with `denied` any refusal.
        """
        answer = self.patiently(lambda: self._once(method, f"{self.base}/v2/{path}", scopes, **given), path)
        return answer if denied else self._checked(answer, path, absent=absent)

    def patiently(self, attempt: Callable[[], T], path: str) -> T:
        """Try until it doesn't raise Passing, TRIES times. Raises ServiceFailed."""
        for number in range(1, TRIES):
            try:
                return attempt()
            except Passing as reason:
                self.sleep(min(reason.after or 2.0 ** (number - 1), LONGEST))
        try:
            return attempt()
        except Passing as reason:
            raise self._away(f"{reason} for {path}, {TRIES} times", LATER) from reason

    def _once(self, method: str, url: str, scopes: tuple[str, ...], **given: Any) -> Response:
        answer = self._sent(method, url, scopes, **given)
        if answer.status_code in PASSING:
            raise Passing(f"it answered {answer.status_code}", _after(answer))
        return answer

    def _sent(self, method: str, url: str, scopes: tuple[str, ...], **given: Any) -> Response:
        """Send a request, log in if asked, and follow redirects.

        No other host gets the credential, nor is asked for a challenge. Raises Passing.
        """
        own = origin(url) == origin(self.base)
        shown = self._tokens.header(scopes) if own else ""
        answer = self._bare(method, url, shown, **given)
        if own and answer.status_code == 401:
            challenge = challenge_of(answer.headers.get("WWW-Authenticate", ""))
            with self._lock:
                header = self._tokens.renewed(challenge, scopes, shown)
            if header and method != "PATCH":  # a stream can't be sent twice
                answer.close()
                answer = self._bare(method, url, header, **given)
        return self._followed(method, answer, **given)

    def _followed(self, method: str, answer: Response, **given: Any) -> Response:
        """Follow redirects of what is read; no other host gets the credential."""
        for _ in range(HOPS):
            if answer.status_code not in REDIRECTS or method not in ("GET", "HEAD"):
                return answer
            target = urljoin(answer.url, answer.headers.get("Location", ""))
            self._require_private(target)
            same = urlsplit(target)[:2] == urlsplit(answer.url)[:2]
            header = str(answer.request.headers.get("Authorization", "")) if same else ""
            answer.close()
            answer = self._bare(method, target, header, **given)
        raise self._away(f"it sends on more than {HOPS} times", self._whoever)

    def _bare(
        self, method: str, url: str, authorization: str, headers: Mapping[str, str] | None = None, **given: Any
    ) -> Response:
        """Send one request. Raises Passing if nobody answers."""
        from requests import RequestException
        from requests.exceptions import SSLError

        head = {**(headers or {}), **({"Authorization": authorization} if authorization else {})}
        try:
            return self._session.request(method, url, headers=head, timeout=TIMEOUT, allow_redirects=False, **given)
        except SSLError as reason:
            raise self._away(str(reason), self._whoever) from reason
        except (RequestException, OSError) as reason:
            raise Passing(type(reason).__name__) from reason

    def _checked(self, answer: Response, path: str, *, absent: bool = False) -> Response:
        """Return an answer that is none of refusal. Raises ServiceFailed."""
        if answer.ok or (absent and answer.status_code == 404):
            return answer
        words = _words(answer)
        remedy = f"Log in: docker login {self.host}" if answer.status_code in REFUSING else self._whoever
        raise self._away(f"it answered {answer.status_code}{words} for {path}", remedy)

    @property
    def _whoever(self) -> str:
        return f"Ask who runs {self.host}, then run the same command again"

    def _away(self, why: str, remedy: str) -> ServiceFailed:
        return ServiceFailed(f"The registry {self.host} cannot be asked for an image: {why}.", remedy=remedy)


def pulling(name: str) -> tuple[str, ...]:
    """Spell the scope that reading a repository needs."""
    return (f"repository:{name}:pull",)


def pushing(name: str) -> tuple[str, ...]:
    """Spell the scope that writing to a repository needs."""
    return (f"repository:{name}:pull,push",)


def chunks(answer: Response) -> Iterator[bytes]:
    """Read a body as it is, in parts."""
    while part := answer.raw.read(CHUNK, decode_content=False):
        yield part


def _after(answer: Response) -> float:
    """Return the seconds of Retry-After; 0 without, or for a date."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _words(answer: Response) -> str:
    """Return the registry's own words in brackets; empty without."""
    try:
        errors = answer.json()["errors"]
        words = "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({words[:300]})" if words else ""
