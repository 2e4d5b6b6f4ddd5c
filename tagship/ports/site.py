"""The places that static sets are served from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tagship.domain.static_set import StaticFile


class Site(Protocol):
    """One destination of a static set. Paths are the set's."""

    def put(self, path: str, body: bytes, file: StaticFile) -> None:
        """Put a file whose bytes have that SHA-256, with headers."""

    def delete(self, paths: Sequence[str]) -> None: ...

    def knows_tags(self) -> bool:
        """Tell whether the CDN can invalidate files by their tags."""

    def invalidate(self, paths: Sequence[str], reference: str) -> str:
        """Drop paths or tags from the CDN's caches; return the request's id.

        The same reference again asks for nothing new; with others, it is refused. Without a CDN, the id is empty.
        """
