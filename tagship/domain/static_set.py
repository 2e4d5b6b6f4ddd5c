"""A static set: files served from a bucket, each with its headers; what changes from one set to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import quote

from tagship.errors import NotAuthentic

EXACT = 15  # paths of an invalidation before one wildcard is cheaper: CloudFront bills a wildcard as one path
HTML = "text/html"


@dataclass(frozen=True)
class StaticFile:
    """A file of a set: sha256 (hex), its headers, its cache tags."""

    sha256: str
    content_type: str
    cache_control: str = ""
    tags: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """Order uploads: what pages name comes before the pages."""
        if "immutable" in self.cache_control:
            return 0
        return 2 if self.content_type.startswith(HTML) else 1


@dataclass(frozen=True)
class StaticSet:
    """The files of a set by path."""

    files: Mapping[str, StaticFile]

    def to_json(self) -> bytes:
        """Write the canonical bytes, whose SHA-256 the signed manifest has."""
        files = {path: _without_nothing(file) for path, file in self.files.items()}
        return (json.dumps({"files": files}, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str, remedy: str) -> Self:
        """Read a set. Raises NotAuthentic, which names `where` it was read."""
        try:
            return cls({path: _file(file) for path, file in json.loads(raw)["files"].items()})
        except (ValueError, TypeError, KeyError, AttributeError) as reason:
            raise NotAuthentic(f"{where} is not the record of a static set.", remedy=remedy) from reason


def _without_nothing(file: StaticFile) -> dict[str, Any]:
    """Leave tags out of a file without any."""
    # As sets did before there were tags.
    return {name: value for name, value in asdict(file).items() if name != "tags" or value}


def _file(values: Mapping[str, Any]) -> StaticFile:
    return StaticFile(**{**values, "tags": tuple(values.get("tags", ()))})


@dataclass(frozen=True)
class Presence:
    """What a destination holds, by artifact id: written before files change.

    `present` are the artifacts whose files may be there: one, unless a switch did not end. `before` is the artifact
    that `deployment` found, empty if there was none. `recent` are the latest artifacts, whose files are not deleted.
    """

    fence: int
    deployment: str
    present: Sequence[str]
    before: str = ""
    recent: Sequence[str] = ()

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str) -> Self:
        """Read it. Raises NotAuthentic."""
        try:
            value: dict[str, Any] = json.loads(raw)
            return cls(**value)
        except (ValueError, TypeError) as reason:
            remedy = "Delete it: the next deployment then uploads every file of the set"
            raise NotAuthentic(f"{where} is not the record of a static set's destination.", remedy=remedy) from reason

    def moving(self, artifact: str, deployment: str, fence: int) -> Presence:
        """Say that a deployment begins to put an artifact's files there."""
        before = self.before if deployment == self.deployment else (self.present[0] if len(self.present) == 1 else "")
        present = tuple(dict.fromkeys([*self.present, artifact]))
        recent = tuple(dict.fromkeys([artifact, *self.recent]))  # also one that is put back leaves files
        return Presence(fence, deployment, present, before or self.before, recent)

    def arrived(self, artifact: str) -> Presence:
        """Say that an artifact's files are there, all of them."""
        recent = tuple(dict.fromkeys([artifact, *self.recent]))
        return Presence(self.fence, self.deployment, (artifact,), self.before, recent)


NOTHING = Presence(0, "", ())


def uploads(wanted: StaticSet, present: Sequence[StaticSet]) -> list[str]:
    """List the paths to put, in order: immutable files, others, pages last.

    A file stays if every set that may be there has it with the same bytes and headers.
    """
    changed = [
        path
        for path, file in wanted.files.items()
        if not present or any(stored.files.get(path) != file for stored in present)
    ]
    return sorted(changed, key=lambda path: (wanted.files[path].rank, path))


def ranks(wanted: StaticSet, paths: Sequence[str]) -> list[list[str]]:
    """Group paths by rank, in the order they are put."""
    groups = [[path for path in paths if wanted.files[path].rank == rank] for rank in range(3)]
    return [group for group in groups if group]


def dropped(old: StaticSet, recent: Sequence[StaticSet]) -> list[str]:
    """List the paths of an old set that no recent set names."""
    return sorted(path for path in old.files if not any(path in stored.files for stored in recent))


def invalidated(changed: Sequence[str], present: Sequence[StaticSet], top: str, *, tagged: bool = False) -> list[str]:
    """List what to invalidate: URL paths, tags, or one wildcard.

    They are of files that were there and changed.
    Nothing caches a file that was never there. A folder's index.html is cached under the folder's path as well. If it
    is not known what was there, everything is invalidated. `tagged`: the distribution knows its objects by their tags,
    which take the place of paths that are too many; those are the tags that files had, as they are cached with them.
    """
    if not present:
        return [f"{top}*"] if changed else []
    known = [path for path in changed if any(path in stored.files for stored in present)]
    folders = [path[: -len("index.html")] for path in known if path.split("/")[-1] == "index.html"]
    paths = sorted({f"{top}{quote(path)}" for path in [*known, *folders]})
    if len(paths) <= EXACT:
        return paths
    tags = [stored.files[path].tags for path in known for stored in present if path in stored.files]
    items = sorted({f"#{tag}" for group in tags for tag in group})
    return items if tagged and all(tags) and len(items) <= EXACT else [f"{top}*"]
