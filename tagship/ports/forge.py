"""Where CI runs, as it is asked from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Step:
    name: str
    state: str  # queued | in_progress | completed
    conclusion: str = ""  # success | failure | cancelled | skipped
    seconds: float | None = None  # that it took; None until it is completed


@dataclass(frozen=True)
class Notice:
    """What a run's step said of itself.

    The title says which exit code, the message what happened.
    """

    level: str  # notice | warning | failure
    title: str
    message: str


@dataclass(frozen=True)
class Run:
    """One run of a workflow.

    `attempt` counts from 1; `updated` is ISO 8601, empty if the forge doesn't say. `ref` is the tag or branch that
    started it, `name` the workflow's.
    """

    id: str
    url: str
    state: str
    conclusion: str = ""
    steps: Sequence[Step] = ()
    attempt: int = 1
    updated: str = ""
    ref: str = ""
    name: str = ""


@dataclass(frozen=True)
class Protection:
    """What keeps a GitHub environment, and its role, to some jobs.

    `refs` are the patterns of branches and tags that may use it (empty: any); `reviewed`: somebody has to approve.
    """

    refs: Sequence[str] = ()
    reviewed: bool = False


@dataclass(frozen=True)
class Home:
    """A repository as the forge has it.

    Its numbers are those that newer repositories' tokens name; `created` is ISO 8601.
    """

    owner_id: str
    repository_id: str
    created: str
    private: bool = False


@dataclass(frozen=True)
class PullRequest:
    """A pull request: its state (open, closed, missing) and head."""

    state: str
    head: str = ""


class Forge(Protocol):
    """Where CI runs."""

    @property
    def where(self) -> str:
        """Return a page where a person can look."""

    def find_run(self, commit: str, tag: str) -> Run | None:
        """Find the run that the tag started for that commit."""

    def find_tag_run(self, tag: str) -> Run | None:
        """Find a run of a tag of that name, whatever its commit."""

    def unfinished(self) -> Sequence[Run]:
        """List the runs that have not ended."""
        # Queued, waiting for an approval or for their turn, or under way.

    def rerun(self, run_id: str) -> None:
        """Start every job of an ended run again. Raises ServiceFailed.

        That is the run's next attempt.
        """

    def run(self, run_id: str) -> Run: ...

    def notices(self, run_id: str) -> Sequence[Notice]: ...

    def gate(self, environment: str) -> Protection | None:
        """Return what keeps an environment; None if the forge has none."""

    def home(self) -> Home:
        """Return what the forge says of the repository."""

    def pull_request(self, number: int) -> PullRequest: ...

    def open_pull_requests(self) -> Sequence[int]:
        """List the numbers of all that are open."""

    def author(self, commit: str) -> str:
        """Return who alone made the pull request of a merge commit.

        Empty if it merges none, if somebody else has a commit in it, or if the forge itself did not make and merge all
        of it. A commit's own author is what anybody wrote there.
        """

    def attestations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """List the Sigstore bundles that attest `sha256:…`. Nothing of them is verified."""

    def green(self, commit: str) -> str:
        """Return CI's state of a commit: success, failure, pending or none."""
