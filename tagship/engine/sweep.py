"""Delete what no longer needs to be stored: the manifests first, so that nothing half-deleted looks whole.

A listing shows artifacts in the order of their names, so that they are judged a page at a time: what goes is kept in
memory for a window of artifacts alone. The manifests of a window are deleted under the environment's lease, after
another look at the ledger: nobody can begin a deployment meanwhile. The rest follows without the lease, for an artifact
without a manifest does not exist. Whatever is left by a crash has no manifest, and goes the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, islice

from tagship.domain import commands, layout
from tagship.domain.retention import Judgement, Retention, StoredArtifact, Use
from tagship.domain.text import counted, plural
from tagship.domain.version import ArtifactId
from tagship.engine.undisturbed import undisturbed
from tagship.errors import ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.bucket import Object
from tagship.ports.people import Progress

WINDOW = 10_000  # artifacts whose keys are kept in memory: some 10 MB
BATCH, AT_ONCE = 1000, 4  # objects a request, and requests at once


@dataclass(frozen=True)
class SweptArtifact:
    """An artifact, what becomes of it, and its keys."""

    artifact: StoredArtifact
    verdict: Judgement
    keys: Sequence[str] = ()


@dataclass
class Sweep:
    """One cleaning of an environment.

    `seen` is called with each artifact as it is judged.
    """

    app: App
    environment: str
    use: Use
    retention: Retention
    phase: Progress
    seen: Callable[[SweptArtifact], None] = lambda _: None
    deleted: int = 0  # objects
    listed: int = field(default=0, init=False)  # artifacts

    def run(self, *, dry_run: bool) -> None:
        """Judge every artifact; delete those that go.

        Raises Held if somebody took the environment or changed it meanwhile, ServiceFailed if objects could not be
        deleted. Running it again goes on from there.
        """
        artifacts = self._judged()
        while window := list(islice(artifacts, WINDOW)):
            doomed = [judged for judged in window if judged.verdict.goes]
            if doomed and not dry_run:
                self._delete(doomed)

    def _judged(self) -> Iterator[SweptArtifact]:
        for artifact, keys in stored_artifacts(self.app, self.environment):
            judgement = self.retention.verdict(artifact)
            judged = SweptArtifact(artifact, judgement, keys if judgement.goes else ())
            self.seen(judged)
            self.listed += 1
            if self.listed % 100 == 0:
                self.phase(f"{self.listed:,} artifacts listed")
            yield judged

    def _delete(self, doomed: Sequence[SweptArtifact]) -> None:
        manifests = [key for judged in doomed for key in judged.keys if _is_manifest(key)]
        with undisturbed(self.app, self.environment, self.use, self._state) as renew:
            self._delete_all(manifests, renew)
        unfinished = [judged for judged in doomed if not self._was_completed(judged)]
        self._delete_all([key for judged in unfinished for key in judged.keys if not _is_manifest(key)], lambda: None)

    def _was_completed(self, judged: SweptArtifact) -> bool:
        """Tell whether an artifact without a manifest has one by now.

        A job of CI that is run again finishes what it left, and takes no lease for that.
        """
        key = layout.artifact(self.app.settings.app, self.environment, judged.artifact.id, layout.MANIFEST)
        return not judged.artifact.whole and self.app.store.head(key) is not None

    def _delete_all(self, keys: Sequence[str], renew: Callable[[], None]) -> None:
        """Delete a thousand a request. Raises ServiceFailed if one stays."""
        batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(AT_ONCE) as workers:
            for start in range(0, len(batches), AT_ONCE):
                renew()
                few = batches[start : start + AT_ONCE]
                for problems in workers.map(self.app.store.delete_all, few):
                    failed |= problems
                self.deleted += sum(map(len, few))
                self.phase(f"{self.deleted:,} {plural('object', self.deleted)} deleted")
                if failed:
                    self.deleted -= len(failed)
                    raise _not_deleted(self.environment, failed)

    def _state(self) -> str:
        return f"{counted(self.deleted, 'object')} of artifacts that go had been deleted."


def stored_artifacts(app: App, environment: str) -> Iterator[tuple[StoredArtifact, list[str]]]:
    """Yield each stored artifact of an environment with its keys.

    What lies there under no artifact's id is passed over.
    """
    prefix = layout.artifacts(app.settings.app, environment)
    objects = app.store.list(prefix)
    for name, group in groupby(objects, lambda entry: entry.key.removeprefix(prefix).partition("/")[0]):
        members = list(group)
        if _is_artifact(name, f"{prefix}{name}/", members):
            yield _described(name, members), [entry.key for entry in members]


def _is_artifact(name: str, folder: str, members: Sequence[Object]) -> bool:
    try:
        ArtifactId.parse(name)
    except UsageError:
        return False
    return all(entry.key.startswith(folder) for entry in members)


def _described(name: str, members: Sequence[Object]) -> StoredArtifact:
    size, stored = sum(entry.size for entry in members), max(entry.modified for entry in members)
    return StoredArtifact(name, size, stored, len(members), any(_is_manifest(entry.key) for entry in members))


def _is_manifest(key: str) -> bool:
    return key.endswith(f"/{layout.MANIFEST}")


def _not_deleted(environment: str, failed: dict[str, str]) -> ServiceFailed:
    key, why = next(iter(failed.items()))
    return ServiceFailed(
        f"{counted(len(failed), 'object')} of {environment} could not be deleted; {key}: {why}.",
        state="The manifests of what goes are deleted first: nothing that is half deleted can be deployed.",
        remedy="Run it as the role Cleanup of the environment's stack, which alone may delete artifacts: "
        f"{commands.cleanup(environment)}",
    )
