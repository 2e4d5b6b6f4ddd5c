"""What CI does up to a published artifact: validate the tag, build the image, build the bundle, publish both."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import verb

ARTIFACT = "the version or artifact id; in CI, the tag that was pushed"
ENV = "the environment; left out, the one that the version's suffix belongs to"
DRY_RUN = "show what would be done and stop"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(help={"artifact": ARTIFACT, "env": ENV, "json": JSON})
def validate(_c: Any, artifact: str = "", env: str = "", json: bool = False) -> None:
    """Check the pushed tag, and tell the later steps what is deployed where."""
    from dataclasses import asdict

    from tagship.bootstrap import app
    from tagship.engine.announce import announced
    from tagship.verbs.validate import validate as run

    here = app(as_json=json)
    with announced(here):
        result = run(here, artifact=artifact, environment=env)
    if json:
        here.screen.data(asdict(result))


@verb(help={"artifact": ARTIFACT, "env": ENV, "dry_run": DRY_RUN, "json": JSON})
def build(_c: Any, artifact: str = "", env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Build and push the container image, where the environment runs one."""
    from dataclasses import asdict

    from tagship.bootstrap import app
    from tagship.engine.announce import announced
    from tagship.verbs.build import build as run

    here = app(as_json=json)
    with announced(here):
        result = run(here, artifact=artifact, environment=env, dry_run=dry_run)
    if json:
        here.screen.data({"image": asdict(result) if result else None})


@verb(help={"artifact": ARTIFACT, "env": ENV, "dry_run": DRY_RUN, "json": JSON})
def bundle(_c: Any, artifact: str = "", env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Build the bundle that a host unpacks: the same bytes on any machine."""
    from dataclasses import asdict

    from tagship.bootstrap import app
    from tagship.engine.announce import announced
    from tagship.verbs.bundle import bundle as run

    here = app(as_json=json)
    with announced(here):
        result = run(here, artifact=artifact, environment=env, dry_run=dry_run)
    if json:
        here.screen.data({"bundle": asdict(result) if result else None})


@verb(help={"artifact": ARTIFACT, "env": ENV, "dry_run": DRY_RUN, "json": JSON})
def publish(_c: Any, artifact: str = "", env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Sign the artifact, store it so that it never changes, and read it back."""
    from dataclasses import asdict

    from tagship.bootstrap import app
    from tagship.engine.announce import announced
    from tagship.verbs.publish import publish as run

    here = app(as_json=json)
    with announced(here):
        result = run(here, artifact=artifact, environment=env, dry_run=dry_run)
    if json:
        here.screen.data({"manifest": asdict(result) if result else None})
