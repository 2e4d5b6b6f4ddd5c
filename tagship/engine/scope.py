"""Which artifact and which environment a command is about, and how long it may wait."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches

from tagship.domain import commands
from tagship.domain.plan import named as names_of
from tagship.domain.text import either, listed, plural, seconds
from tagship.domain.units import Unit, noun_of
from tagship.domain.version import ArtifactId, Version
from tagship.errors import SettingsError, TagshipError, UsageError
from tagship.ports.app import App


def named(app: App, artifact: str, environment: str, flag: str = "--version") -> tuple[ArtifactId, str]:
    """Resolve the artifact and the environment that are meant.

    By flag, in CI by the tag that was pushed, or by the suffix. `flag` is what stands before the
    version in its command.
    """
    if environment:
        app.settings.environment(environment)  # before a remedy repeats it
    text = app.settings.tags.names.text(artifact or app.ci.tag)
    if not text:
        raise UsageError("No version is given.", remedy=name_one(app, environment, flag))
    artifact_id = _parsed(app, text, environment, flag)
    if environment:
        return artifact_id, environment
    if artifact_id.version is None:
        raise UsageError(
            f"{artifact_id} is an untagged build: its name has no environment.",
            remedy=f"Name it: {flag} {artifact_id} --env {next(iter(app.settings.environments))}",
        )
    return artifact_id, _of_suffix(app, artifact_id.version, flag)


def _of_suffix(app: App, version: Version, flag: str) -> str:
    """Find a version's environment; a suffix that was left out is offered."""
    try:
        return app.settings.environment_of(version.suffix)
    except SettingsError as reason:
        suffix = app.settings.suffix(next(iter(app.settings.environments)))
        if not version.suffix and suffix:
            whole = f"Name its suffix: {flag} {replace(version, suffix=suffix)}"
            raise SettingsError(
                reason.what, remedy=either(whole, f"Or {reason.remedy[:1].lower()}{reason.remedy[1:]}")
            ) from None
        raise


def name_one(app: App, environment: str, flag: str) -> str:
    """Say how to name a version: the channel's latest.

    If none is known here, how to find one.
    """
    known = environment if environment in app.settings.environments else next(iter(app.settings.environments))
    with suppress(TagshipError):
        for version in app.repository.newest(app.settings.suffix(known), 1).versions:
            return f"Name it, the latest of {known}: {flag} {version}"
    return f"Find one: {commands.versions(known)}"


def _parsed(app: App, text: str, environment: str, flag: str) -> ArtifactId:
    try:
        return ArtifactId.parse(text)
    except UsageError as reason:
        raise UsageError(reason.what, remedy=name_one(app, environment, flag)) from None


def one_environment(app: App, environment: str) -> str:
    """Return the environment named, or the only one there is.

    Raises UsageError if there are several.
    """
    if environment:
        app.settings.environment(environment)
        return environment
    if len(app.settings.environments) == 1:
        return next(iter(app.settings.environments))
    known = ", ".join(app.settings.environments)
    raise UsageError(
        f"No environment is given; there are {known}.",
        remedy=f"Name one: --env {next(iter(app.settings.environments))}",
    )


def skipped(units: Sequence[Unit], text: str, environment: str) -> list[Unit]:
    """Choose the units that `--skip web-3,web-4` means.

    By name or id, or by the region that they are in; raises UsageError if one is none, or if it is all.
    """
    asked = [word.strip() for word in text.split(",")] if text else []
    waves = {unit.wave: [other for other in units if other.wave == unit.wave] for unit in units if unit.wave}
    chosen = {unit.id: unit for word in asked for unit in waves.get(word) or [_unit(units, word, environment)]}
    if len(chosen) == len(units):
        raise UsageError(
            f"--skip names every {noun_of(units)} of {environment}.", remedy="Leave one of them out of --skip"
        )
    return list(chosen.values())


def _unit(units: Sequence[Unit], word: str, environment: str) -> Unit:
    meant = [unit for unit in units if word in (unit.name, unit.id)]
    if len(meant) == 1:
        return meant[0]
    noun, known = noun_of(units), names_of(units, units).split(",")
    if meant:
        ids = ", ".join(unit.id for unit in meant)
        raise UsageError(f"{environment} has {len(meant)} {plural(noun)} named {word!r}.", remedy=f"Use an id: {ids}")
    near = get_close_matches(word, [*known, *(unit.id for unit in units)], 1, 0.5)
    mean = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"Invalid --skip {word[:60]!r}: {environment} has no such {noun}.",
        remedy=f"{mean}Use a name or an id of: {listed(known, 20)}",
    )


def patience(text: str) -> float:
    """Parse the seconds of `--wait 10m`.

    Raises UsageError for what is no duration.
    """
    wait = seconds(text) if text else 0
    if wait is None:
        raise UsageError(f"Invalid --wait {text!r}: use 90s, 10m or 1h.", remedy="Wait ten minutes: --wait 10m")
    return wait


def chosen_units(units: Sequence[Unit], text: str, flag: str) -> list[Unit]:
    """Choose units by name or id, several between commas; all without any.

    Raises UsageError if one is none.
    """
    asked = [word.strip() for word in text.split(",")] if text else []
    known = {unit.id for unit in units} | {unit.name for unit in units}
    for word in asked:
        if word not in known:
            near = get_close_matches(word, sorted(known), 1) or [units[0].name]
            raise UsageError(f"There is no {noun_of(units)} {word!r}.", remedy=f"Name one: {flag} {near[0]}")
    return [unit for unit in units if not asked or unit.id in asked or unit.name in asked]
