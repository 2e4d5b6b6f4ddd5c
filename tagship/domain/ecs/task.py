"""Tasks: which bytes run, by digest, and why tasks stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tagship.domain.text import counted

SHOWN = 3  # stopped tasks that are quoted


@dataclass(frozen=True)
class Exit:
    """How a container ended."""

    container: str
    code: int | None
    reason: str = ""

    @property
    def words(self) -> str:
        code = f"exited with {self.code}" if self.code is not None else "did not start"
        return f"{self.container} {code}" + (f" ({self.reason.rstrip('.')})" if self.reason else "")


@dataclass(frozen=True)
class TaskFacts:
    """A task of a service, as ECS describes it.

    `revision` is its task definition's ARN.
    """

    arn: str
    revision: str
    status: str
    digests: Mapping[str, str] = field(default_factory=dict)  # container -> image digest
    stop_code: str = ""
    reason: str = ""
    exits: tuple[Exit, ...] = ()
    stopped_at: str = ""

    @property
    def runs(self) -> bool:
        return self.status == "RUNNING"

    @property
    def short(self) -> str:
        """Return the first characters of its id."""
        return self.arn.rpartition("/")[2][:8]

    @property
    def words(self) -> str:
        """Say why it stopped."""
        words = [": ".join(filter(None, (self.stop_code, self.reason.rstrip("."))))]
        return "; ".join(filter(None, [*words, *(container.words for container in self.exits)])) or "no reason given"


def why_not_all(
    tasks: Sequence[TaskFacts], revision: str, digests: Mapping[str, Collection[str]], names: Mapping[str, str]
) -> str:
    """Say why not every running task is of a revision.

    Empty if all are. `digests` are those that each container may run. `names` are words for the other revisions.
    """
    running = [task for task in tasks if task.runs]
    if not running:
        return "no task of it runs"
    others = Counter(task.revision for task in running if task.revision != revision)
    if others:
        return ", ".join(_share(number, len(running), names, other) for other, number in others.most_common())
    for task in running:
        for container, allowed in digests.items():
            digest = task.digests.get(container, "")
            if digest not in allowed:
                return f"container {container} of task {task.arn.rpartition('/')[2]} runs {digest or 'no known digest'}"
    return ""


def _share(number: int, total: int, names: Mapping[str, str], revision: str) -> str:
    verb = "runs" if number == 1 else "run"
    return f"{number} of {counted(total, 'task')} {verb} {names.get(revision, revision.rpartition('/')[2])}"


def newest_stopped(tasks: Sequence[TaskFacts], revision: str) -> TaskFacts | None:
    """Return the task of a revision that stopped last."""
    return next(iter(_stopped(tasks, revision)), None)


def _stopped(tasks: Sequence[TaskFacts], revision: str) -> list[TaskFacts]:
    """List the stopped tasks of a revision, the newest first."""
    stopped = [task for task in tasks if task.revision == revision and task.status == "STOPPED"]
    return sorted(stopped, key=lambda task: task.stopped_at, reverse=True)


def last_stops(tasks: Sequence[TaskFacts], revision: str) -> str:
    """Quote why the last tasks of a revision stopped, the newest first."""
    return "\n".join(f"task {task.short} stopped: {task.words}" for task in _stopped(tasks, revision)[:SHOWN])
