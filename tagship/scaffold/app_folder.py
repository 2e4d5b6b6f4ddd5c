"""Where in its repository an app is, and how what GitHub reads at the top is named for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from tagship.domain.forge import variable
from tagship.scaffold.look import Scene
from tagship.settings import Settings

ROLES = (
    "AWS_ROLE_ARN", "AWS_NOTIFY_ROLE_ARN", "AWS_PREVIEW_ROLE_ARN", "AWS_ROLLBACK_ROLE_ARN", "AWS_VERIFY_ROLE_ARN",
    "AWS_CLEANUP_ROLE_ARN",
)  # fmt: skip


@dataclass(frozen=True)
class AppFolder:
    """An app's folder in the repository, empty at the top.

    `prefix` is its tags'; `alone`: no other app of the repository ships by tags.
    """

    app: str
    folder: str = ""
    prefix: str = ""
    alone: bool = True

    @classmethod
    def of(cls, scene: Scene, app: str, prefix: str, settings: Settings | None) -> Self:
        """Take what the settings say, or the answers without settings."""
        name, prefix = (settings.app, settings.tags.prefix) if settings else (app, prefix)
        return cls(name, scene.git.folder, prefix, scene.alone)

    @property
    def action(self) -> str:
        """Return the folder of the composite action, from the top."""
        return f"{self.folder}/.github/actions/tagship".lstrip("/")

    @property
    def workflows(self) -> str:
        """Return the folder of the workflows, from the app's own."""
        return "../" * len(PurePosixPath(self.folder).parts) + ".github/workflows"

    @property
    def own(self) -> str:
        """Return what workflows and their groups begin with."""
        return f"{self.app}-" if self.folder else ""

    def pattern(self, suffix: str) -> str:
        """Match a channel's tags, as on.push.tags does."""
        if suffix:
            return f"{self.prefix}*-{suffix}" if self.prefix or self.alone else f"[0-9]*-{suffix}"
        return f"{self.prefix}[0-9]+.[0-9]+.[0-9]+"

    @property
    def values(self) -> Mapping[str, str]:
        """Return what the templates of workflows name."""
        roles = {name: variable(name, self.app, self.folder) for name in ROLES}
        base = f"{self.folder}/" if self.folder else ""
        return {"action": self.action, "folder": self.folder, "base": base, "own": self.own, **roles}
