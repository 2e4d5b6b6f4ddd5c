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
    """Why a version is marked bad. `how`: failed (a deployment of it), left (somebody rolled back from it), marked."""

    how: str
    why: str

    @property
    def by_hand(self) -> bool:
        """Whether a person said so, by a rollback or by a mark. A failed deployment alone may have had other causes."""
        return self.how != "failed"


def bad_versions(deployments: Iterable[Deployment], marks: Iterable[Mark] = ()) -> dict[str, Bad]:
    """The versions whose latest word is bad, with that word; the story is read in the order of ids.

    A healthy deployment clears an earlier failure of that version. What a person said, by a mark or by a rollback,
    stands until somebody marks the version good. Of a deployment and a mark, a mark made while it went on is the later
    word. What serves and is deployed again, and fails, is not bad for that: something else has changed.
    """
    bad: dict[str, Bad] = {}
    runs = ""
    story: list[Deployment | Mark] = [*deployments, *marks]
    for event in sorted(story, key=lambda each: each.id):
        if isinstance(event, Mark):
            _hear_mark(bad, event)
            continue
        _hear(bad, event, runs)
        _hear_leaving(bad, event)
        runs = event.artifact_id if event.state in SERVES else runs
    return bad


def _hear_mark(bad: dict[str, Bad], mark: Mark) -> None:
    bad.pop(mark.artifact_id, None)
    if mark.verdict == "bad":
        bad[mark.artifact_id] = Bad("marked", f"{mark.who} marked it bad on {moment(mark.at)} UTC: {mark.reason}")


def _hear(bad: dict[str, Bad], deployment: Deployment, runs: str) -> None:
    """What a deployment says of its own version."""
    artifact, known = deployment.artifact_id, bad.get(deployment.artifact_id)
    if known and known.by_hand:
        return
    if _failed(deployment):
        if artifact != runs:
            because = f": {deployment.last.reason}" if deployment.last.reason else ""
            bad[artifact] = Bad("failed", f"it failed on {moment(deployment.last.at)} UTC{because}")
    elif deployment.state == "healthy":
        bad.pop(artifact, None)


def _hear_leaving(bad: dict[str, Bad], deployment: Deployment) -> None:
    """What a rollback says of the version that it leaves: from the moment on that units were asked to leave it."""
    left, done = deployment.last.replaced, deployment.state in SERVES
    if deployment.first.action != "rollback" or not _went_back(deployment.artifact_id, left):
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


def marked_bad(deployments: Iterable[Deployment], marks: Iterable[Mark] = ()) -> set[str]:
    """Artifact ids whose latest word is bad."""
    return set(bad_versions(deployments, marks))


def _went_back(to: str, replaced: str) -> bool:
    """Whether `replaced` came after `to`: a rollback to what came later takes an earlier rollback back, and says
    nothing against what it replaces. Where the order is not known, leaving is going back."""
    return bool(replaced) and replaced != to and not is_older(replaced, to)


def rollback_candidates(
    deployments: Sequence[Deployment], running: str, marks: Iterable[Mark] = ()
) -> list[ArtifactId]:
    """Artifact ids to go back to, the most recently healthy first: not what runs, nothing that is marked bad."""
    bad = marked_bad(deployments, marks)
    return [artifact_id for artifact_id in healthy_before(deployments, running) if artifact_id not in bad]


def healthy_before(deployments: Sequence[Deployment], running: str) -> list[ArtifactId]:
    """Artifact ids that were healthy, the most recently first: not what runs, marked bad or not."""
    healthy = (deployment.artifact_id for deployment in reversed(deployments) if deployment.state == "healthy")
    return list(dict.fromkeys(artifact_id for artifact_id in healthy if artifact_id != running))


def ways_back(deployments: Sequence[Deployment], marks: Iterable[Mark] = ()) -> list[ArtifactId]:
    """Artifact ids that a rollback may go to, the best first.

    After a deployment that has not ended, that is what served before it, and not what came before that. After a
    rollback that has not ended, it is what that was going to, and never what it was leaving.
    """
    said, runs = tuple(marks), serving(deployments)
    dead = unfinished(deployments)
    if dead is None:
        return rollback_candidates(deployments, runs, said)
    back = dead.first.action == "rollback"
    first, leaving = (dead.artifact_id, dead.last.replaced) if back else (ArtifactId(runs), dead.artifact_id)
    others = [artifact_id for artifact_id in rollback_candidates(deployments, leaving, said) if artifact_id != first]
    usable = first and first != leaving and first not in marked_bad(deployments, said)
    return [first, *others] if usable else others
