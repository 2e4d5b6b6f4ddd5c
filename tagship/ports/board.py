"""Where people are told: the forge's own pages, webhooks, and topics of SNS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tagship.domain.news import News

ALWAYS = ("deployments", "commit statuses", "check runs", "issues")  # what each deployment is told by
RELEASES = "releases"
COMMENTS = "comments on pull requests"


class Board(Protocol):
    """The forge's pages.

    Each may be told the same news again: nothing is there twice. Each raises ServiceFailed.
    """

    def deployment(self, news: News) -> None:
        """Record a deployment and its status, with the environment's URL."""

    def status(self, news: News) -> None:
        """Set the commit's status for the environment."""

    def checks(self, news: News) -> None:
        """Set a check run for each stage, on the version's commit."""

    def release(self, news: News) -> str:
        """Make the release of a version's tag, unless it is there.

        Returns its page; empty if there is no such tag, or the release was there.
        """

    def issue(self, news: News) -> str:
        """Open an environment's issue, add to it, or close it.

        Returns its page; empty if there is nothing to say.
        """

    def comment(self, number: int, mark: str, body: str) -> str:
        """Write a pull request's comment, or change the one with that mark.

        Returns its page.
        """

    def tried(self, pages: Sequence[str]) -> Mapping[str, str]:
        """Try whether the token may write these pages, and write nothing.

        Returns what is wrong with each, empty if it may.
        """


class Hook(Protocol):
    """A webhook or topic that the settings name."""

    @property
    def kind(self) -> str:
        """Return slack, teams, generic or sns."""

    @property
    def failures_only(self) -> bool: ...

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises ServiceFailed if it was not taken."""
