"""Where GitHub reads a repository's workflows."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tagship.ports.app import Account

WORKFLOWS = Path(".github/workflows")


def workflow_path(app: Account, file: str) -> Path:
    """Find a workflow: GitHub reads them at the top of the repository."""
    return app.root / ("../" * len(PurePosixPath(app.repository.folder).parts)) / WORKFLOWS / file
