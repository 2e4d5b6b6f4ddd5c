"""The CI run that this process is a step of, as it sees itself. (How CI looks from outside is ports/forge.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Ci(Protocol):
    """What a step knows of its run, and what it may leave there. Outside CI every fact is empty."""

    @property
    def running(self) -> bool:
        """Whether this is CI: nobody is there to answer a question."""

    @property
    def tag(self) -> str:
        """The tag whose push started the run; empty for a branch or a pull request."""

    @property
    def commit(self) -> str:
        """The commit that started the run."""

    @property
    def branch(self) -> str:
        """The branch that a pull request comes from."""

    @property
    def pull_request(self) -> str:
        """The pull request's number."""

    @property
    def run(self) -> str:
        """The run's id."""

    @property
    def run_url(self) -> str:
        """The run's page."""

    @property
    def actor(self) -> str:
        """Who started the run."""

    @property
    def owner_id(self) -> str:
        """The forge's number of the repository's owner."""

    @property
    def repository_id(self) -> str:
        """The forge's number of the repository."""

    def output(self, values: Mapping[str, str]) -> None:
        """Hand values to later steps and jobs. Raises ServiceFailed if they cannot be written."""

    def summarize(self, markdown: str) -> None:
        """Add to the run's summary page. A page that cannot be written is warned of."""

    def capture(self, text: str) -> None:
        """Leave what was captured of a failure in the run, for whoever follows it: the last lines of it."""

    def annotate(self, code: int, message: str) -> None:
        """Record how this step ended, for whoever follows the run: its exit code and one line."""
