"""What tagship keeps beside tagship.toml, in .tagship/: builds, Terraform's data, the sandbox; never committed."""

from __future__ import annotations

from pathlib import Path

NAME = ".tagship"


def own(root: Path) -> Path:
    """Make .tagship/ of a repository, which has Git ignore all that is in it."""
    folder = root / NAME
    folder.mkdir(parents=True, exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", "utf-8")
    return folder
