"""What the tests of tag, deploy-dev and follow start from: Ada on dev, pushed, with 0.1.0-dev out."""

from __future__ import annotations

from typing import Any

from tagship.ports.repository import Tag
from tests.fakes.app import FakeApp, settings
from tests.fakes.prompt import FakePrompt
from tests.fakes.repository import NOW, FakeRepository, object_id

GRACE = "Grace <grace@example.com>"


class Release:
    """An app with a repository in memory; `answers` are what Ada says at the prompt (none: no terminal)."""

    def __init__(self, *answers: object, released: tuple[str, ...] = ("0.1.0-dev",), **changes: Any) -> None:
        self.repository = FakeRepository()
        self.repository.prefix = changes.get("tags", {}).get("prefix", "")
        self.repository.commit("Begin")
        for name in released:
            self.release(name)
        self.repository.commit("Mend the thing")
        self.app = FakeApp(settings=settings(**changes), given={"repository": self.repository})
        self.app.prompt = FakePrompt(*answers, possible=bool(answers))
        self.before = self.snapshot()

    @property
    def remote(self) -> Any:
        return self.repository.remote

    def release(self, name: str) -> None:
        """A tag of Ada's for what is checked out, pushed."""
        tag = self.repository.create_tag(name, self.repository.head, name)
        self.repository.share()
        self.remote.tags[tag.name] = tag

    def grace_takes(self, name: str, commit: str = "") -> Tag:
        """Grace's tag of that name, on the remote before ours."""
        at = commit or self.remote.heads["dev"]
        self.remote.tags[name] = Tag(name, object_id("grace", name, at), at, GRACE, NOW)
        return self.remote.tags[name]

    def snapshot(self) -> tuple[object, ...]:
        """Both sides: local tags, the remote's tags and branches."""
        return dict(self.repository.local), dict(self.remote.tags), dict(self.remote.heads)

    @property
    def unchanged(self) -> bool:
        return self.snapshot() == self.before
