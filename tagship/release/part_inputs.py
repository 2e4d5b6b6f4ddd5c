"""What a package or a static set would be made of, as its settings declare it, read from the disk."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator

from tagship import __version__
from tagship.domain.inputs import Inputs, digest_of
from tagship.ports.app import App
from tagship.release.image_inputs import UNREAD, content, walked
from tagship.settings import Package, Static

BYTECODE = "__pycache__"


def inputs_of_part(app: App, part: Package | Static) -> Inputs:
    """Digest the declared files, the command and the tools' versions.

    Without a digest if none are declared, or if they can't be read.
    """
    if not part.inputs:
        return Inputs()
    try:
        files = dict(_files(app, part))
    except OSError as reason:
        return Inputs(why=f"its inputs can't be read ({reason.strerror}: {reason.filename})")
    tools = {shlex.join(tool): app.packager.answer(tool, app.root) for tool in part.tools}
    if silent := next((words for words, answer in tools.items() if not answer), ""):
        return Inputs(why=f"`{silent}` does not say its version")
    recipe = {"command": part.command, "directory": part.directory, "tools": tools}
    machine = f"{platform.system()} {platform.machine()}"  # what is compiled runs on no other
    return Inputs(digest_of(files, machine=machine, **recipe, **_of_set(part)))


def _of_set(part: Package | Static) -> dict[str, object]:
    """Say what decides the headers of a set."""
    # Rules, and tagship's table of content types.
    if not isinstance(part, Static):
        return {}
    return {"headers": [rule.model_dump() for rule in part.headers], "tagship": __version__}


def _files(app: App, part: Package | Static) -> Iterator[tuple[str, str]]:
    """Yield each file of the inputs, less what the command makes."""
    for top in part.inputs:
        place = app.root / top
        if not place.is_dir() or place.is_symlink():
            yield top, content(place)
            continue
        for path, described in walked(place):
            whole = (place / path).relative_to(app.root)
            made = whole.is_relative_to(part.directory)
            if not made and not {BYTECODE, *UNREAD} & set(whole.parts):
                yield whole.as_posix(), described
