"""A health question over HTTP, as anybody outside would ask it."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tagship.domain.health import Sample

LARGEST = 65_536  # bytes of an answer that are read


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect.

    The page behind one may be anybody's: the app itself did not say that it is healthy.
    """

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Http:
    def ask(self, url: str, version_key: str, timeout: float) -> Sample:
        """Ask a health URL once, by GET.

        The version is `version_key` of the JSON answer. Status 0: no answer. A redirect is an answer of its own, and
        is not followed: the same rule as on a host.
        """
        # The settings allow http and https only.
        request = urllib.request.Request(url, headers={"User-Agent": "tagship", "Cache-Control": "no-cache"})  # noqa: S310 (as above)
        try:
            with OPENER.open(request, timeout=timeout) as answer:
                return Sample(answer.status, _version(answer.read(LARGEST), version_key))
        except urllib.error.HTTPError as reason:
            return Sample(reason.code, problem=f"it answered {reason.code}")
        except (OSError, http.client.HTTPException) as reason:
            why = getattr(reason, "reason", "") or reason
            return Sample(0, problem=f"{url} did not answer: {why}")

    def connect(self, address: str, timeout: float) -> Sample:
        """Open a connection to host:port, and close it."""
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout):
                return Sample(200)
        except OSError as reason:
            return Sample(0, problem=f"{address} takes no connection: {reason.strerror or reason}")


OPENER = urllib.request.build_opener(_NoRedirects)


class SandboxHttp(Http):
    """Asks this machine only: whatever serves elsewhere is not the sandbox's."""

    def ask(self, url: str, version_key: str, timeout: float) -> Sample:
        """Ask a loopback address; say in the sample if it is another."""
        if not _is_here(urllib.parse.urlsplit(url).hostname or ""):
            return Sample(0, problem=f"{url} is not asked from the sandbox: it is not on this machine")
        return super().ask(url, version_key, timeout)

    def connect(self, address: str, timeout: float) -> Sample:
        """Connect to a loopback address, and to no other."""
        if not _is_here(address.rpartition(":")[0]):
            return Sample(0, problem=f"{address} is not asked from the sandbox: it is not on this machine")
        return super().connect(address, timeout)


def _is_here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _version(body: bytes, key: str) -> str:
    """Read the version at a key of the answer, or below it."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    for name in [key] if isinstance(value, dict) and key in value else key.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return "" if isinstance(value, dict | list) else str(value)
