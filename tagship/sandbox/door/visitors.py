"""Who may speak to the port at all: programs that know it by its own address, and no web page.

A page that a browser shows can send requests to loopback. Its name may resolve there, too (DNS rebinding): then the
browser takes the sandbox for the page's own server, and only the Host header gives it away.
"""

from __future__ import annotations

from tagship.sandbox.web import Environ, StartResponse, WsgiApp

REFUSED = "403 Forbidden"
CORS = "access-control-"  # headers by which a browser would let a page read an answer


def objection(environ: Environ) -> str:
    """Say why a request is refused unread; empty if it is not."""
    own = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"  # where the socket is bound, whatever the request says
    if environ.get("HTTP_HOST", "") != own:
        return f"The sandbox answers as {own} alone."
    if "HTTP_ORIGIN" in environ:
        return "The sandbox answers no web page."
    return ""


def readable_by_no_page(start_response: StartResponse) -> StartResponse:
    """Drop the headers that let a web page read the answer."""

    def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
        return start_response(status, [pair for pair in headers if not pair[0].lower().startswith(CORS)], *more)

    return start


def guarded(app: WsgiApp) -> WsgiApp:
    """Refuse strangers before the app sees their requests."""

    def answer(environ: Environ, start_response: StartResponse) -> object:
        reason = objection(environ)
        if reason:
            start_response(REFUSED, [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{reason}\n".encode()]
        return app(environ, readable_by_no_page(start_response))

    return answer  # type: ignore[return-value]
