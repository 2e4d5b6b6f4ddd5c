"""Where people are told: the forge's own pages, and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tagship.domain.news import News


class Board(Protocol):
    """The forge's pages.

    Each may be told the same news again: nothing is there twice. Each raises ServiceFailed.
    """

    def deployment(self, news: News) -> None:
        """Record a deployment and its status, with the environment's URL."""

    def status(self, news: News) -> None:
        """Set the commit's status for the environment."""

    def issue(self, news: News) -> str:
        """Open an environment's issue, add to it, or close it.

        Returns its page; empty if there is nothing to say.
        """

    def comment(self, number: int, mark: str, body: str) -> str:
        """Write a pull request's comment, or change the one with that mark.

        Returns its page.
        """


class Hook(Protocol):
    """A webhook that the settings name."""

    @property
    def kind(self) -> str:
        """Return slack, teams or generic."""

    @property
    def failures_only(self) -> bool: ...

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises ServiceFailed if it was not taken."""
