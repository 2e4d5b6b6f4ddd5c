"""Which artifact and which environment a command is about, and how long it may wait."""

from __future__ import annotations

from tagship.domain.text import seconds
from tagship.domain.version import ArtifactId
from tagship.errors import UsageError
from tagship.ports.app import App


def named(app: App, artifact: str, environment: str, flag: str = "--version") -> tuple[ArtifactId, str]:
    """The artifact and the environment that are meant: by flag, in CI by the tag that was pushed, or by the suffix."""
    text = artifact or app.ci.tag
    if not text:
        raise UsageError("No version is given.", remedy=f"Name it: {flag} 0.1.30-dev")
    artifact_id = _parsed(text, flag)
    if environment:
        app.settings.environment(environment)
        return artifact_id, environment
    if artifact_id.version is None:
        raise UsageError(
            f"{artifact_id} is an untagged build: its name has no environment.",
            remedy=f"Name it: {flag} {artifact_id} --env {next(iter(app.settings.environments))}",
        )
    return artifact_id, app.settings.environment_of(artifact_id.version.suffix)


def _parsed(text: str, flag: str) -> ArtifactId:
    try:
        return ArtifactId.parse(text)
    except UsageError as reason:
        raise UsageError(reason.what, remedy=f"Give a version such as 0.1.30-dev: {flag} 0.1.30-dev") from None


def one_environment(app: App, environment: str) -> str:
    """The environment named, or the only one there is; raises UsageError where there are several."""
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


def patience(text: str) -> float:
    """The seconds of `--wait 10m`; raises UsageError for what is no duration."""
    found = seconds(text) if text else 0
    if found is None:
        raise UsageError(f"Invalid --wait {text!r}: use 90s, 10m or 1h.", remedy="Wait ten minutes: --wait 10m")
    return found
