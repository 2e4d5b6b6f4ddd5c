"""The folder .tagship/ beside tagship.toml: builds, Terraform's data, the sandbox; never committed."""

from __future__ import annotations

from pathlib import Path

NAME = ".tagship"


def own(root: Path) -> Path:
    """Make a repository's .tagship/, which Git ignores."""
    folder = root / NAME
    folder.mkdir(parents=True, exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", "utf-8")
    return folder
