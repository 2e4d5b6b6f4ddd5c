"""What differs between what an environment runs and what it is to run: commits, settings, versions of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tagship.domain.manifest import Manifest
from tagship.domain.text import counted, visible
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_manifest
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.release.promoting import Passage

SHOWN = 20  # commits of a group
CONVENTIONAL = re.compile(r"(?P<kind>[a-z]+)(\([^)]*\))?!?: ")
GROUPS = {"feat": "features", "fix": "fixes", "perf": "performance", "revert": "reverts"}


def show_differences(app: App, promotion: Passage, new: Manifest, runs: str) -> None:
    """Show what differs from what an environment runs now."""
    old = _running(app, promotion.to, runs)
    if old is None:
        return
    for line in (*_commits(app, old, new), *_settings(old, new), *_secrets(old, new)):
        app.screen.say(line)


def _running(app: App, environment: str, runs: str) -> Manifest | None:
    """Read the manifest of what runs; None if there is none."""
    if not runs:
        app.screen.say(f"nothing runs on {environment} yet")
        return None
    try:
        old = stored_manifest(app, environment, ArtifactId(runs))
    except TagshipError as reason:
        app.screen.warn(f"can't compare with {runs}: {reason.what}")
        return None
    if old is None:
        app.screen.warn(f"can't compare with {runs}: its manifest is gone")
    return old


def _commits(app: App, old: Manifest, new: Manifest) -> Iterator[str]:
    if old.commit == new.commit:
        yield f"commits: none, both are of {new.commit[:8]}"
        return
    try:
        subjects = app.repository.log(app.repository.resolve(old.commit), app.repository.resolve(new.commit))
    except TagshipError as reason:
        yield f"commits: unknown here ({reason.what.rstrip('.')})"
        return
    yield f"commits: {counted(len(subjects), 'commit')} from {old.commit[:8]} to {new.commit[:8]}"
    groups = grouped(subjects)
    for name, group in groups.items():
        if len(groups) > 1:
            yield f"  {name}:"
        yield from (f"  - {visible(subject)}" for subject in group[:SHOWN])
        if len(group) > SHOWN:
            yield f"  and {len(group) - SHOWN} more"


def grouped(subjects: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Group subjects by what conventional commits say; plain ones stay together."""
    groups: dict[str, list[str]] = {name: [] for name in (*GROUPS.values(), "others")}
    for subject in subjects:
        match = CONVENTIONAL.match(subject)
        groups[GROUPS.get(match["kind"], "others") if match else "others"].append(subject)
    return {name: group for name, group in groups.items() if group}


def _settings(old: Manifest, new: Manifest) -> Iterator[str]:
    same = old.configuration_sha256 == new.configuration_sha256
    yield "settings: the same" if same else f"settings: those of {new.environment} differ (tagship.toml)"


def _secrets(old: Manifest, new: Manifest) -> Iterator[str]:
    names = sorted({*old.secrets, *new.secrets})
    differing = [name for name in names if old.secrets.get(name) != new.secrets.get(name)]
    yield f"secrets: {counted(len(differing), 'change')}" if differing else "secrets: the same"
    for name in differing:
        was, will = (str(secrets.get(name, "")) or "none" for secrets in (old.secrets, new.secrets))
        yield f"  {name}: {was} -> {will}"
