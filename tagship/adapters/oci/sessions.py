"""Connections to a registry: by the user's proxy, to whom this machine trusts, with nobody's ~/.netrc."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session


def session_of(connections: int, *, secure: bool) -> Session:
    """Make a session for as many requests at once.

    A `secure` one trusts the CAs of this machine, as docker does: a registry may have a company's own certificate.
    """
    from requests import Session
    from requests.adapters import HTTPAdapter

    class SystemTrust(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **named: Any) -> None:
            super().init_poolmanager(*given, **named, ssl_context=ssl.create_default_context())

        def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
            return super().proxy_manager_for(proxy, **named, ssl_context=ssl.create_default_context())

    session = Session()
    session.auth = lambda request: request  # else requests takes what ~/.netrc says
    session.headers.update({"User-Agent": "tagship", "Accept-Encoding": "identity"})
    session.mount("http://", HTTPAdapter(pool_maxsize=connections))
    if secure:  # reading the CAs takes a while
        session.mount("https://", SystemTrust(pool_maxsize=connections))
    return session
