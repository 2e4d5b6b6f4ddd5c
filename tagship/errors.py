"""Everything that can go wrong: a class for each kind, with the exit code that CI reads.

An error is three sentences: what is wrong, what state things are in now, and the exact next command. The task layer
prints them and exits with the code; nothing else in the toolkit prints an error or calls sys.exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

UNCHANGED = "Nothing was changed."


class TagshipError(Exception):
    """The root of the tree; only its kinds are raised.

    `what` is one line saying what is wrong; `state` one line saying what state things are in now; `remedy` one line
    with the exact next command. `evidence` is what was captured before cleaning up (log lines, an answer's body).
    """

    exit_code: ClassVar[int]

    def __init__(self, problem: str, *, state: str = UNCHANGED, remedy: str, evidence: str = "") -> None:
        super().__init__(problem)
        self.what = problem
        self.state = state
        self.remedy = remedy
        self.evidence = evidence


class UsageError(TagshipError):
    """A flag, a version or a setting that cannot be right."""

    exit_code = 2


class SettingsError(UsageError):
    """tagship.toml, or a variable that overrides it, cannot be right."""


class Refused(TagshipError):
    """A pre-flight check refused."""

    exit_code = 3


class Held(TagshipError):
    """Somebody holds the environment: a lease, a freeze, a fencing number."""

    exit_code = 4


class LeaseLost(Held):
    """Another deployment took the lease, so this one stops.

    It stops before its next action.
    """


class ArtifactError(TagshipError):
    """An artifact is missing, or is not what was signed."""

    exit_code = 5


class ArtifactMissing(ArtifactError):
    """Nothing (or no complete artifact) is stored under that id."""


class NotAuthentic(ArtifactError):
    """A signature, a checksum or a size does not match."""


class DeployFailed(TagshipError):
    """The version does not serve, and what served before does.

    That is nothing if nothing served before.
    """

    exit_code = 6


class RollbackFailed(TagshipError):
    """Nothing good is seen serving: wake somebody.

    The version does not serve, and what served before is not seen serving.
    """

    exit_code = 7


class Incomplete(TagshipError):
    """The version serves, but some hosts lack it, or a hook failed.

    The hosts failed, can't be reached, or were skipped; a heal brings them to it.
    """

    exit_code = 9


class ServiceFailed(TagshipError):
    """AWS, GitHub or Git's remote failed, or the outcome is unknown."""

    exit_code = 8


class NotAllowed(ServiceFailed):
    """The AWS identity in use may not do what was asked."""


class Unheard(ServiceFailed):
    """An order was sent and its answer lost: hosts may be acting."""


class Interrupted(TagshipError):
    """Ctrl-C, or a signal."""

    exit_code = 130


@contextmanager
def said_to_be_done(done: Callable[[], str]) -> Iterator[None]:
    """Say in an error what was done before it.

    `done` is asked if the error says only that nothing was changed; empty: so it is.
    """
    try:
        yield
    except TagshipError as problem:
        if problem.state == UNCHANGED:
            problem.state = done() or UNCHANGED
        raise


EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "a defect in tagship itself",
    2: "usage or settings",
    3: "refused by a pre-flight check",
    4: "somebody else holds the environment",
    5: "artifact missing or not authentic",
    6: "deploy failed and was undone: what served before is serving",
    7: "deploy failed, and what served before is not seen serving: wake somebody",
    8: "an outside service failed",
    9: "the version serves, but not on every host, or a hook failed: heal the stragglers",
    130: "interrupted",
}
