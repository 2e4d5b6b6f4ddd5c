"""Webhooks of Slack, Teams and one's own: a POST of JSON to an address that only the environment knows."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tagship.adapters.http import OPENER
from tagship.errors import ServiceFailed, SettingsError

if TYPE_CHECKING:
    from tagship.settings.tables import Webhook

TIMEOUT = 10  # seconds, to connect and for each part of the answer


@dataclass(frozen=True)
class HttpHook:
    """One webhook. Its URL is a secret: no message has it."""

    name: str
    kind: str
    variable: str
    failures_only: bool
    url: str = field(repr=False)
    local: bool = False  # in a sandbox: it reaches this machine alone

    def send(self, message: Mapping[str, Any]) -> None:
        self._require_url()
        headers = {"Content-Type": "application/json", "User-Agent": "tagship"}
        request = urllib.request.Request(self.url, json.dumps(message).encode(), headers)  # noqa: S310 - http or https
        try:
            with OPENER.open(request, timeout=TIMEOUT):
                return
        except urllib.error.HTTPError as reason:  # a redirect too: nobody else is to read it
            raise self._failed(f"answered {reason.code}") from None
        except (OSError, http.client.HTTPException) as reason:
            raise self._failed(f"did not answer ({type(reason).__name__})") from None
        except ValueError:  # a character that no URL has
            raise self._unread() from None

    def _require_url(self) -> None:
        if not self.url:
            raise SettingsError(
                f"The webhook {self.name} has no address: {self.variable} is not set.",
                remedy=f"Set it, in CI from a secret: export {self.variable}=https://…",
            )
        try:
            scheme, host = urlsplit(self.url).scheme, urlsplit(self.url).hostname or ""
        except ValueError:  # its words may have part of the address
            raise self._unread() from None
        if scheme not in {"http", "https"}:
            raise self._failed("has no http:// or https:// address")
        if self.local and host not in {"127.0.0.1", "localhost", "::1"}:
            raise self._failed("is not on this machine, and a sandbox sends nothing elsewhere")

    def _unread(self) -> ServiceFailed:
        return self._failed("has an address that can't be read")

    def _failed(self, how: str) -> ServiceFailed:
        return ServiceFailed(f"The webhook {self.name} {how}.", remedy=f"Check the address in {self.variable}")


def hooks(webhooks: Mapping[str, Webhook], variables: Mapping[str, str], *, local: bool = False) -> dict[str, HttpHook]:
    """Make the webhooks that the settings name."""
    return {
        name: HttpHook(
            name, hook.kind, hook.variable, hook.when == "failures", variables.get(hook.variable, "").strip(), local
        )
        for name, hook in webhooks.items()
    }
