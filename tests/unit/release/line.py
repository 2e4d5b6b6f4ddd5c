"""Versions of an app, one after the other, each from a checkout of its own; what was published last runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tagship.domain.manifest import Manifest
from tagship.engine.attested import check_named
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp
from tests.fakes.ci import FakeCi
from tests.unit.ci import COMMIT, ci_app


@dataclass
class ReleaseLine:
    """`files` are what the next checkout has; `last` is the app that published last."""

    root: Path
    files: dict[str, str]
    signed_in: bool = True
    last: FakeApp | None = field(default=None, init=False)

    def checkout(self, version: str, **settings: object) -> FakeApp:
        """The app at a version, with all that earlier ones stored."""
        app = ci_app(self.root / version, **settings)
        app.given["repository"].annotate(version, COMMIT)
        app.ci, app.signed_in = FakeCi(run=version), self.signed_in
        if self.last:
            app.store, app.signer, app.verifier, app.ledger = (
                self.last.store, self.last.signer, self.last.verifier, self.last.ledger,
            )  # fmt: skip
        for name, text in self.files.items():
            (app.root / name).parent.mkdir(parents=True, exist_ok=True)
            (app.root / name).write_text(text)
        return app

    def made(self, app: FakeApp, version: str) -> FakeApp:
        build(app, artifact=version, env="dev")
        bundle(app, artifact=version, env="dev")
        return app

    def published(self, app: FakeApp, version: str) -> Manifest:
        """Publish what was built, and have it run."""
        self.last = app
        app.store.writes.clear()
        manifest = publish(app, artifact=version, env="dev")
        assert manifest is not None
        check_named(app, manifest)
        app.ledger.entries.clear()
        app.ledger.ran(version)
        return manifest

    @property
    def said(self) -> list[str]:
        assert self.last
        return self.last.screen.lines

    @property
    def text(self) -> str:
        return "\n".join(self.said)
