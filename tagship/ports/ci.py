"""The CI run that this process is a step of, as it sees itself. (How CI looks from outside is ports/forge.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tagship.domain.trigger import Trigger


class Ci(Protocol):
    """What a step knows of its run, and may leave there.

    Outside CI every fact is empty.
    """

    @property
    def running(self) -> bool:
        """Tell whether this is CI: nobody can answer a question."""

    @property
    def tag(self) -> str:
        """Return the tag whose push started the run."""
        # Empty for a branch or a pull request.

    @property
    def commit(self) -> str:
        """Return the commit that started the run."""

    @property
    def trigger(self) -> Trigger:
        """Return the event that started the run."""

    @property
    def branch(self) -> str:
        """Return the branch that a pull request comes from."""

    @property
    def pull_request(self) -> str:
        """Return the pull request's number."""

    @property
    def run(self) -> str:
        """Return the run's id."""

    @property
    def run_url(self) -> str:
        """Return the run's page."""

    @property
    def workflow(self) -> str:
        """Return the run's workflow file, with its ref."""
        # owner/name/.github/workflows/deploy-dev.yml@refs/tags/0.1.30-dev

    @property
    def actor(self) -> str:
        """Return who started the run."""

    @property
    def owner_id(self) -> str:
        """Return the forge's number of the repository's owner."""

    @property
    def repository_id(self) -> str:
        """Return the forge's number of the repository."""

    def begin(self) -> None:
        """Say in the run that this step's annotations are tagship's."""
        # Before anything that somebody else said is printed: see domain/annotation.

    def output(self, values: Mapping[str, str]) -> None:
        """Give later steps values. Raises ServiceFailed if they cannot be written."""

    def summarize(self, markdown: str) -> None:
        """Add to the run's summary page; warn if that fails."""

    def capture(self, text: str) -> None:
        """Leave a failure's last lines in the run, for its followers."""

    def advise(self, remedy: str) -> None:
        """Leave in the run what a failed step says to do next."""

    def annotate(self, code: int, message: str) -> None:
        """Record this step's exit code and one line, for followers."""
