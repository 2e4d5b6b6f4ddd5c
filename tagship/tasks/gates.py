"""What stands between a version and an environment, and what people say of versions."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import verb

VERSION = "the version or artifact id"
ENV = "the environment; left out, the one that the version's suffix belongs to"
REASON = "why, in a few words: it is kept, with your name, and people will read it"
DRY_RUN = "show what would be recorded and stop"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    name="why-not",
    positional=["environment", "version"],
    help={"environment": "the environment that it would be deployed to", "version": VERSION, "json": JSON},
)
def why_not(_c: Any, environment: str, version: str, json: bool = False) -> None:
    """Every gate between a version and an environment, and the way through each."""
    from tagship.bootstrap import app
    from tagship.verbs.why_not import why_not as run

    here = app(as_json=json)
    result = run(here, env=environment, version=version)
    if json:
        here.screen.data(result.as_data())
    result.insist()


@verb(
    name="mark-good",
    help={"version": VERSION, "env": ENV, "reason": REASON, "dry_run": DRY_RUN, "json": JSON},
)
def mark_good(
    _c: Any, *, version: str = "", env: str = "", reason: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Say that a version that is marked bad is good after all."""
    from tagship.bootstrap import app
    from tagship.verbs.mark_good import mark_good as run

    here = app(as_json=json)
    result = run(here, version=version, env=env, reason=reason, dry_run=dry_run)
    if json:
        here.screen.data(result.as_data())


@verb(
    name="mark-bad",
    help={"version": VERSION, "env": ENV, "reason": REASON, "dry_run": DRY_RUN, "json": JSON},
)
def mark_bad(
    _c: Any, *, version: str = "", env: str = "", reason: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Say that a version is bad: nothing suggests it, and deploying it takes a word."""
    from tagship.bootstrap import app
    from tagship.verbs.mark_bad import mark_bad as run

    here = app(as_json=json)
    result = run(here, version=version, env=env, reason=reason, dry_run=dry_run)
    if json:
        here.screen.data(result.as_data())
