"""Objects of packages and static sets in the bucket: uploaded, or copied there from the version that runs."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.origin import Origin
from tagship.engine.artifacts import folder
from tagship.errors import Refused, ServiceFailed
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.release.built import Work


def stored(app: App, work: Work, name: str, digest: str, origin: Origin) -> bool:
    """Create an object, or find it; tell whether it has that SHA-256."""
    key = work.key(app, name)
    try:
        source = work.copies.get(name)
        if not source or not _copied(app, source, key, origin):
            _uploaded(app, work, name, key, origin)
    except Conflict:
        pass
    head = app.store.head(key)
    return head is not None and head.sha256 == digest


def _copied(app: App, source: str, key: str, origin: Origin) -> bool:
    """Have S3 copy it; false if S3 does not."""
    try:
        head = app.store.head(source)
        if head is None:
            return False
        app.store.copy(head, key, origin.metadata())
        return True
    except ServiceFailed as reason:
        app.screen.warn(f"S3 does not copy {source}, so it is uploaded: {reason.what}")
        return False


def _uploaded(app: App, work: Work, name: str, key: str, origin: Origin) -> None:
    """Create it from the file of the build, or from what runs."""
    file, source = folder(app, work.artifact_id) / name, work.copies.get(name)
    if source:  # the file of the build may have other bytes, or not be there
        file = file.with_name(f"{file.name}.kept")
        file.parent.mkdir(parents=True, exist_ok=True)
        app.store.download(source, file)
    app.store.create(key, file, origin.metadata())


def taken(work: Work, part: str) -> Refused:
    """Build the error of a part that is stored with other bytes."""
    return Refused(
        f"{work.artifact_id} is taken in {work.environment}: its {part} has other bytes there.",
        state="The objects stored under that id are unchanged.",
        remedy=f"Ship under the next number: {commands.deploy_dev()}",
    )
