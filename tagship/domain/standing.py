"""A version's standing in an environment: marked bad and why, or good and something to go back to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagship.domain.deployment import FAILED, SERVES, Deployment, serving, unfinished
from tagship.domain.mark import Mark
from tagship.domain.text import moment
from tagship.domain.version import ArtifactId, is_older


@dataclass(frozen=True)
class Bad:
    """Why a version is marked bad.

    `how`: failed (a deployment of it), left (somebody rolled back from it), marked.
    """

    how: str
    why: str

    @property
    def by_hand(self) -> bool:
        """Tell whether a person said so, by a rollback or a mark."""
        # A failed deployment alone may have had other causes.
        return self.how != "failed"

    def said_of(self, artifact_id: str, environment: str) -> str:
        """Say that the version is bad, and why.

        Nobody has marked one that only failed.
        """
        if self.by_hand:
            return f"{artifact_id} is marked bad on {environment}: {self.why}"
        return f"{artifact_id} counts as bad on {environment}: {self.why}"


def bad_versions(deployments: Iterable[Deployment], marks: Iterable[Mark] = ()) -> dict[str, Bad]:
    """Map the versions that are bad by now to the reason.

    Deployments and marks count in the order of their ids. A healthy deployment clears an earlier failure of that
    version. What a person said, by a mark or by a rollback, stands until somebody marks the version good. A mark made
    while a deployment went on is later than that deployment. A version that serves, is deployed again and fails is not
    bad for that: something else has changed.
    """
    bad: dict[str, Bad] = {}
    runs = ""
    events: list[Deployment | Mark] = [*deployments, *marks]
    for event in sorted(events, key=lambda event: event.id):
        if isinstance(event, Mark):
            _apply_mark(bad, event)
            continue
        _apply_deployment(bad, event, runs)
        _apply_rollback(bad, event)
        runs = event.artifact_id if event.state in SERVES else runs
    return bad


def _apply_mark(bad: dict[str, Bad], mark: Mark) -> None:
    bad.pop(mark.artifact_id, None)
    if mark.verdict == "bad":
        bad[mark.artifact_id] = Bad("marked", f"{mark.who} marked it bad on {moment(mark.at)} UTC: {mark.reason}")


def _apply_deployment(bad: dict[str, Bad], deployment: Deployment, runs: str) -> None:
    """Apply a deployment's end to its own version."""
    artifact, current = deployment.artifact_id, bad.get(deployment.artifact_id)
    if current and current.by_hand:
        return
    if _failed(deployment):
        if artifact != runs:
            because = f" ({deployment.last.reason})" if deployment.last.reason else ""
            bad[artifact] = Bad("failed", f"it failed on {moment(deployment.last.at)} UTC{because}")
    elif deployment.state == "healthy":
        bad.pop(artifact, None)


def _apply_rollback(bad: dict[str, Bad], deployment: Deployment) -> None:
    """Mark the version bad that a rollback leaves."""
    # From the moment on that units were asked to leave it.
    left, done = deployment.last.replaced, deployment.state in SERVES
    if deployment.first.action != "rollback" or deployment.drill or not _went_back(deployment.artifact_id, left):
        return
    if left in bad and bad[left].by_hand:
        return
    asked = any(entry.state == "started" for entry in deployment.entries)
    if done or (asked and not _failed(deployment)):
        did = "rolled back" if done else "began to roll back"
        when = moment(deployment.last.at if done else deployment.first.at)
        bad[left] = Bad("left", f"{deployment.first.who} {did} from it on {when} UTC, to {deployment.artifact_id}")


def _failed(deployment: Deployment) -> bool:
    return any(entry.state in FAILED for entry in deployment.entries)


def left_bad(deployment: Deployment) -> str:
    """Name the version that a rollback marked bad; empty if none."""
    bad: dict[str, Bad] = {}
    _apply_rollback(bad, deployment)
    return next(iter(bad), "")


def marked_bad(deployments: Iterable[Deployment], marks: Iterable[Mark] = ()) -> set[str]:
    """Return the artifact ids that are bad by now."""
    return set(bad_versions(deployments, marks))


def _went_back(to: str, replaced: str) -> bool:
    """Tell whether a rollback from `replaced` to `to` went back.

    If not, it undoes an earlier rollback and says nothing against what it replaces. An unknown order counts as back.
    """
    return bool(replaced) and replaced != to and not is_older(replaced, to)


def rollback_candidates(
    deployments: Sequence[Deployment], running: str, marks: Iterable[Mark] = ()
) -> list[ArtifactId]:
    """List artifact ids to go back to, the most recently healthy first."""
    # Not what runs, and nothing that is bad.
    bad = marked_bad(deployments, marks)
    return [artifact_id for artifact_id in healthy_before(deployments, running) if artifact_id not in bad]


def healthy_before(deployments: Sequence[Deployment], running: str) -> list[ArtifactId]:
    """List artifact ids that were healthy, the most recent first."""
    # Not what runs; whether bad or not.
    healthy = (deployment.artifact_id for deployment in reversed(deployments) if deployment.state == "healthy")
    return list(dict.fromkeys(artifact_id for artifact_id in healthy if artifact_id != running))


def ways_back(deployments: Sequence[Deployment], marks: Iterable[Mark] = ()) -> list[ArtifactId]:
    """List artifact ids that a rollback may go to, best first.

    After a deployment that has not ended, that is what served before it, and not what came before that. After a
    rollback that has not ended, it is what that was going to, and never what it was leaving.
    """
    all_marks, runs = tuple(marks), serving(deployments)
    dead = unfinished(deployments)
    if dead is None:
        return rollback_candidates(deployments, runs, all_marks)
    back = dead.first.action == "rollback"
    first, leaving = (dead.artifact_id, dead.last.replaced) if back else (ArtifactId(runs), dead.artifact_id)
    others = [
        artifact_id for artifact_id in rollback_candidates(deployments, leaving, all_marks) if artifact_id != first
    ]
    usable = first and first != leaving and first not in marked_bad(deployments, all_marks)
    return [first, *others] if usable else others
