"""The last object of an artifact: from its manifest on, it exists."""

from __future__ import annotations

from collections.abc import Mapping

from tagship.errors import NotAuthentic
from tagship.ports.app import App
from tagship.ports.bucket import Conflict


def put_manifest(app: App, key: str, raw: bytes, metadata: Mapping[str, str], remedy: str) -> None:
    """Create the manifest.

    Another publisher's is the same. Raises NotAuthentic if it has other bytes.
    """
    try:
        app.store.create(key, raw, metadata)
    except Conflict as conflict:
        existing = app.store.get(key)
        if existing is None or existing.body != raw:
            raise NotAuthentic(
                f"Somebody else has stored {key} with other bytes.",
                state="The objects stored under that id are unchanged.",
                remedy=remedy,
            ) from conflict
