"""Folders of a host that the app sees: whose each is, and what the settings would say of those of an earlier app.

A host writes a folder as `host:container:true|false:uid:gid:user:group:empty|used`, of plain characters, and a file
that a container saw as `host:container:file`. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

PLACE = re.compile(r"(/[A-Za-z0-9_@\-][A-Za-z0-9._@\-]*)+")
OWNER = re.compile(r"[a-z_][a-z0-9_\-]{0,30}")  # UNKNOWN is a number without an account


@dataclass(frozen=True)
class Folder:
    """A folder of a host, and where the app saw it."""

    host: str
    container: str
    writable: bool
    uid: str
    gid: str
    user: str
    group: str
    state: str

    def belongs_to(self, owner: str) -> bool:
        """Tell whether it is that owner's.

        The owner is a name or a number, with a group if need be.
        """
        user, _, group = owner.partition(":")
        return user in {self.uid, self.user} and (not group or group in {self.gid, self.group})


@dataclass(frozen=True)
class OwnedPath:
    """A folder that the settings name, and its owner."""

    host: str
    owner: str


def folders_of(texts: Any) -> list[Folder]:
    """Read folders as a host writes them.

    What is written otherwise is left out.
    """
    return [Folder(row[0], row[1], row[2] == "true", *row[3:]) for row in _rows(texts) if len(row) == 8]


def wrong(wanted: Iterable[OwnedPath], present: Iterable[Folder]) -> list[tuple[str, str]]:
    """Say why a deployment would refuse a folder, and what helps."""
    by_host = {folder.host: folder for folder in present}
    return [problem for path in wanted if (problem := _problem(path, by_host.get(path.host)))]


def _problem(wanted: OwnedPath, folder: Folder | None) -> tuple[str, str] | None:
    """Say what a deployment would not mend by itself."""
    # It makes a missing folder for its owner, and gives it an empty one.
    if folder is None:
        make = f"On the host: mkdir -p {wanted.host}; or name its owner in tagship.toml, and a deployment makes it"
        return None if wanted.owner else (f"{wanted.host} of volumes is missing", make)
    if not wanted.owner or folder.state == "empty" or folder.belongs_to(wanted.owner):
        return None
    whose = f"{folder.user}:{folder.group} ({folder.uid}:{folder.gid})"
    give = f"On the host: chown -R {wanted.owner} {wanted.host}; or correct its owner in tagship.toml"
    return f"{wanted.host} of volumes belongs to {whose}, not to {wanted.owner}", give


def proposed(app: str, texts: Any, known: Collection[str]) -> list[str]:
    """Write folders as lines of `volumes` in tagship.toml.

    Their paths are those after the host was adopted. `known`: where the app sees those that the settings have already.
    """
    present = [folder for folder in folders_of(texts) if folder.container not in known]
    return [_line(app, folder) for folder in present if _mappable(folder)]


def unmapped(texts: Any) -> list[str]:
    """List files, and folders with paths that no setting takes."""
    files = [f"{row[0]} (a file, seen at {row[1]})" for row in _rows(texts) if len(row) == 3]
    odd = [folder for folder in folders_of(texts) if not _mappable(folder)]
    return [*files, *(f"{folder.host} (seen at {folder.container})" for folder in odd)]


def _rows(texts: Any) -> list[list[str]]:
    return [text.split(":") for text in texts if isinstance(text, str)] if isinstance(texts, list) else []


def _mappable(folder: Folder) -> bool:
    return bool(PLACE.fullmatch(folder.host) and PLACE.fullmatch(folder.container))


def _line(app: str, folder: Folder) -> str:
    own = f"/opt/{app}/"
    host = f"/opt/{app}.before-tagship/{folder.host.removeprefix(own)}" if folder.host.startswith(own) else folder.host
    values = {"host": host, "container": folder.container, "owner": _owner(folder)}
    words = [f'{key} = "{value}"' for key, value in values.items()]  # of plain characters: no quote is among them
    return f"{{ {', '.join([*words, *([] if folder.writable else ['read_only = true'])])} }}"


def _owner(folder: Folder) -> str:
    """Name the account of a process, or the numbers of a container's."""
    # A host may have another name for a container's account.
    is_process = folder.host == folder.container
    return folder.user if is_process and OWNER.fullmatch(folder.user) else f"{folder.uid}:{folder.gid}"
