"""Which version somebody means to go back to: a tag with a v, a part of a number and a commit lead to one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagship.domain import commands
from tagship.domain.text import either
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_ids, stored_manifest
from tagship.engine.rollback_candidates import OFFERED, instead
from tagship.engine.scope import named, one_environment
from tagship.errors import TagshipError, UsageError
from tagship.ports.app import App

COMMIT = re.compile(r"[0-9a-f]{7,40}")


def named_to(app: App, to: str, env: str) -> tuple[ArtifactId, str]:
    """Resolve the version to go back to, and its environment.

    Raises UsageError if it is no version, with the one that may be meant and the last good one: the latest, which any
    other verb names, is the one that somebody wants to leave.
    """
    try:
        ArtifactId.parse(app.settings.tags.names.text(to))
    except UsageError as reason:
        if ways := _ways(app, to, env):
            raise UsageError(reason.what, remedy=ways) from reason
    return named(app, to, env, "--to")


def _ways(app: App, text: str, env: str) -> str:
    """Say where to go instead; nothing if that can't be read."""
    try:
        environment = one_environment(app, env)
        meant = [
            f"If you mean {version}: {commands.rollback(version, environment)}"
            for version in _meant(app, environment, text)
        ]
        last = instead(app, environment, app.ledger.deployments(environment))
    except TagshipError:
        return ""
    return either(*meant[:1], last) if len(meant) == 1 else last


def _meant(app: App, environment: str, text: str) -> Iterator[str]:
    """Find stored versions by tag, part or commit."""
    ids = stored_ids(app, environment)
    number = text.lower().removeprefix("v")
    yield from (version for version in ids if version == number or version.startswith((f"{number}.", f"{number}-")))
    if COMMIT.fullmatch(text.lower()):
        for version in ids[:OFFERED]:
            manifest = stored_manifest(app, environment, ArtifactId(version))
            if manifest and manifest.commit.startswith(text.lower()):
                yield version
