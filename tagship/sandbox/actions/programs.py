"""The programs that a run's steps find: this machine's, without those that only a workflow's steps install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

HIDDEN = ("tagship", "inv", "invoke")


def path(links: Path) -> list[str]:
    """Return the folders of PATH, clean of tagship and of environments.

    A folder that has tagship among others is replaced by one of links to the others, below `links`.
    """
    return list(_clean(os.environ.get("PATH", os.defpath).split(os.pathsep), links))


def _clean(folders: list[str], links: Path) -> Iterator[str]:
    for number, folder in enumerate(folders):
        if not folder or (Path(folder).parent / "pyvenv.cfg").is_file():
            continue
        if any(Path(folder, name).exists() for name in HIDDEN):
            yield str(_linked(Path(folder), links / str(number)))
        else:
            yield folder


def _linked(folder: Path, links: Path) -> Path:
    """Link every program of a folder but the hidden ones."""
    links.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(folder):
        link = links / entry.name
        if entry.name not in HIDDEN and not link.is_symlink():
            link.symlink_to(entry.path)
    return links
