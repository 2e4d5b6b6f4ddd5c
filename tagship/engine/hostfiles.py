"""Which files reach the hosts: those of the repository's own commit, or those that come with tagship."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from tagship import resources
from tagship.errors import UsageError
from tagship.ports.app import App


def ejected(app: App, commit: str) -> bool:
    """Tell whether a commit has host files of its own. Raises Unfit."""
    try:
        with closing(app.repository.files(commit, resources.EJECTED)) as entries:  # type: ignore[type-var]
            return {path for path, *_ in entries} == set(resources.EJECTED)
    except UsageError:  # one of them is not there
        return False


def of_commit(app: App, *, own: bool) -> Sequence[str]:
    """List the paths that a bundle takes of its commit."""
    return [*([resources.FOLDER] if own else []), *app.settings.bundle.include]


def of_tagship(app: App, *, own: bool) -> Sequence[str]:
    """List the files that a bundle takes from tagship, sorted.

    None if the commit has its own, or if no environment's units run any.
    """
    run = {path for name in app.settings.environments for path in app.unfilled(name).required()}
    return resources.names() if not own and run & set(resources.names()) else ()
