"""What is stored of an artifact whose publishing was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tagship.domain import layout
from tagship.domain.version import ArtifactId
from tagship.errors import ServiceFailed, said_to_be_done
from tagship.ports.app import App


@contextmanager
def said_to_be_stored(app: App, environment: str, artifact_id: ArtifactId) -> Iterator[None]:
    """Say in any error what is stored by then.

    The bucket is asked. An error that says more than that nothing was changed keeps its words.
    """
    with said_to_be_done(lambda: _stored(app, environment, artifact_id)):
        yield


def _stored(app: App, environment: str, artifact_id: ArtifactId) -> str:
    names = (layout.MANIFEST, layout.BUNDLE)
    try:
        manifest, bundle = (
            app.store.head(layout.artifact(app.settings.app, environment, artifact_id, name)) for name in names
        )
    except ServiceFailed:
        return f"Part of {artifact_id} may be stored; without a manifest it is not an artifact."
    if manifest:
        return f"{artifact_id} is published: its manifest is stored."
    return f"The bundle of {artifact_id} is stored; without a manifest it is not an artifact." if bundle else ""
