"""What a person does to hold an environment: freeze it, and thaw it."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import opened, verb

ENV = "the environment; needed where there are several"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    help={
        "env": ENV,
        "until": 'its end: 8h, 2d, 2026-12-01T08:00Z, "friday 18:00" (UTC where no offset is given)',
        "reason": "why, in one line: whoever is held up reads it",
        "dry_run": "show what would be written and stop",
        "json": JSON,
    }
)
def freeze(
    _c: Any, env: str = "", until: str = "", reason: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Hold an environment: no deploy and no promotion until the end. Rollbacks go on."""
    from dataclasses import asdict

    from tagship.verbs.freeze import freeze as run

    here = opened(as_json=json)
    result = run(here, env=env, until=until, reason=reason, dry_run=dry_run)
    if json:
        here.screen.data(asdict(result))


@verb(
    help={
        "env": ENV,
        "yes": "thaw somebody else's freeze without being asked",
        "dry_run": "show the freeze and stop",
        "json": JSON,
    }
)
def thaw(_c: Any, env: str = "", yes: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Take a freeze away before its end."""
    from dataclasses import asdict

    from tagship.verbs.thaw import thaw as run

    here = opened(as_json=json)
    result = run(here, env=env, yes=yes, dry_run=dry_run)
    if json:
        here.screen.data({"thawed": asdict(result.freeze) if result else None})
