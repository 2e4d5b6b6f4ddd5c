"""Connections to a registry: by the user's proxy, to whom this machine trusts, with nobody's ~/.netrc."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Response, Session

MOST = 64 * 1024  # bytes of an answer that nobody reads as it comes: a token, an upload's begin, words of a refusal
LONGEST = 30  # seconds in which they have to come


def session_of(connections: int, *, secure: bool) -> Session:
    """Make a session for as many requests at once.

    A `secure` one trusts the CAs of this machine, as docker does: a registry may have a company's own certificate.
    Whoever asks for a stream reads it; of any other answer, and of each refusal, no more is read than MOST.
    """
    from requests import Session
    from requests.adapters import HTTPAdapter

    class Bounded(Session):
        def send(self, *given: Any, **named: Any) -> Response:
            answer = super().send(*given, **named | {"stream": True})
            return answer if named.get("stream") and answer.ok else _read(answer)

    class SystemTrust(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **named: Any) -> None:
            super().init_poolmanager(*given, **named, ssl_context=ssl.create_default_context())

        def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
            return super().proxy_manager_for(proxy, **named, ssl_context=ssl.create_default_context())

    session = Bounded()
    session.auth = lambda request: request  # else requests takes what ~/.netrc says
    session.headers.update({"User-Agent": "tagship", "Accept-Encoding": "identity"})
    session.mount("http://", HTTPAdapter(pool_maxsize=connections))
    if secure:  # reading the CAs takes a while
        session.mount("https://", SystemTrust(pool_maxsize=connections))
    return session


def _read(answer: Response) -> Response:
    """Read the beginning of a body into its answer.

    Raises ConnectionError if it breaks off.
    """
    from requests.exceptions import ConnectionError as BrokenOff
    from urllib3.exceptions import HTTPError

    until, body, part = time.monotonic() + LONGEST, b"", b"..."
    take = getattr(answer.raw, "read1", answer.raw.read)  # what has come, rather than waiting for all of it
    try:
        while part and len(body) < MOST and time.monotonic() < until:
            part = take(MOST, decode_content=True)
            body += part
    except HTTPError as reason:
        raise BrokenOff(reason) from reason
    finally:
        if part:  # there is more of it, or it broke off: nobody else can use this connection
            answer.raw.close()
        answer.raw.release_conn()
    answer._content, answer._content_consumed = body[:MOST], True  # what .json() reads
    return answer
