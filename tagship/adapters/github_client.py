"""Requests to GitHub's REST API, below one repository's URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tagship.domain import commands
from tagship.domain.text import span
from tagship.errors import ServiceFailed

if TYPE_CHECKING:
    from requests import Response, Session

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "tagship"}
OURS = "tagship/"  # what our statuses and check runs begin with
TIMEOUT = 15  # seconds, to connect and for each part of an answer
RETRIES = 2  # of a request that got no answer


class Client:
    """One repository's part of the API, and the token for it."""

    def __init__(self, name: str, api: str, token: str, sandbox: bool = False) -> None:
        self._session = _session(token)
        self._url = f"{api}/repos/{name}"
        self._sandbox = sandbox

    def ask(self, method: str, path: str, body: object = None, *, absent: bool = False) -> Response:
        """Send one request below the repository's URL.

        With `absent`, a 404 is an answer. Raises ServiceFailed, with GitHub's words if it answered.
        """
        return self._send(method, self._url + path, absent=absent, json=body)

    def answer(self, method: str, path: str, body: object = None) -> Response:
        """Send one request; return the answer, whatever it is.

        Raises ServiceFailed without one.
        """
        return self._send(method, self._url + path, refused=True, json=body)

    def read(self, method: str, path: str, body: object = None, *, absent: bool = False) -> Any:
        """Send one request; return the JSON of its answer.

        With `absent`, None for a 404.
        """
        answer = self.ask(method, path, body, absent=absent)
        try:
            return answer.json() if answer.ok else None
        except ValueError as reason:  # a proxy's page
            raise ServiceFailed("GitHub's answer cannot be read.", remedy="Try: gh api /zen") from reason

    def upload(self, url: str, content: bytes) -> Response:
        """Upload a file to the URL that GitHub named. Raises ServiceFailed."""
        return self._send("POST", url, data=content, headers={"Content-Type": "application/octet-stream"})

    def _send(self, method: str, url: str, *, absent: bool = False, refused: bool = False, **given: Any) -> Response:
        from requests import RequestException

        try:
            response = self._session.request(method, url, timeout=TIMEOUT, **given)
            if response.ok or refused or (absent and response.status_code == 404):
                return response
        except (RequestException, OSError) as reason:
            raise ServiceFailed(f"{self._away[0]} ({type(reason).__name__}).", remedy=self._away[1]) from reason
        raise refusal(response)

    @property
    def _away(self) -> tuple[str, str]:
        """Say why nobody answers, and what to do about it."""
        if self._sandbox:
            return "The sandbox does not answer: it is down", f"Start it again: {commands.sandbox('up')}"
        return "GitHub cannot be reached", "Try: gh api /zen"


def _session(token: str) -> Session:
    """Make a session that sends the token, whatever ~/.netrc says."""
    from requests import PreparedRequest, Session
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    def authorize(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"token {token}"
        return request

    session = Session()
    session.auth = authorize
    session.headers.update(HEADERS)
    # Nobody waits in silence for as long as GitHub asks: the error says how long that is.
    retries = Retry(RETRIES, respect_retry_after_header=False)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


def refusal(response: Response) -> ServiceFailed:
    """Turn an answer that is not 2xx into an error."""
    if response.status_code == 401:
        return ServiceFailed("GitHub does not accept the token.", remedy="Get a new one: gh auth login")
    message = _message(response)
    return ServiceFailed(
        f"GitHub answered {response.status_code}{f' ({message})' if message else ''}.", remedy=_way_on(response)
    )


def _way_on(response: Response) -> str:
    """Say what helps: to wait, or another token.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: 403 or 429, with how long.
    """
    seconds = response.headers.get("Retry-After", "")
    if response.status_code == 429 or seconds or response.headers.get("X-RateLimit-Remaining") == "0":
        when = (
            span(float(seconds)) if seconds.isdecimal() else "until the limit is reset (gh api /rate_limit says when)"
        )
        return f"Wait {when}, then run the same command again"
    if response.status_code >= 500:
        return "Wait a minute, then run the same command again"
    return "Check what the token may see: gh auth status"


def _message(response: Response) -> str:
    """Return GitHub's own words; empty for a proxy's page."""
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("message", "")) if isinstance(body, dict) else ""
