"""Whether what `init` wrote for GitHub is what it would write today."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.ports.repository import Surroundings
from tagship.scaffold.answers import settle
from tagship.scaffold.files import ACTION, APART, draft
from tagship.scaffold.look import Scene
from tagship.scaffold.source import Supply
from tagship.scaffold.written import RECORD


def outdated(git: Surroundings) -> Sequence[str] | None:
    """Name the workflows and actions that an update would change.

    Whoever edited one has it current if the edits are all that differs. None if init wrote nothing here. Raises
    SettingsError if tagship.toml cannot be read.
    """
    scene = Scene(git)
    if not (scene.root / RECORD).is_file():
        return None
    made = draft(scene, settle(scene, {}, None), Supply(apart=scene.text(APART)), update=True)
    return [entry.path for entry in made.changes if entry.word != "same" and _is_githubs(entry.path)]


def _is_githubs(path: str) -> bool:
    return ".github/workflows/" in path or path == f"{ACTION}/action.yml"
