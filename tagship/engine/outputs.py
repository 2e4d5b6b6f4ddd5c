"""What infrastructure says that it made, as settings name it: read for a deployment, and recorded with that.

A deployment reads what the tool wrote, fills it in, and writes it into the ledger. Everything else (status, rollback,
resume, logs) takes what the latest deployment recorded: at three in the morning there is no Terraform, and no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tagship.domain import commands
from tagship.domain.outputs import chosen
from tagship.domain.text import listed
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.settings import Settings, own
from tagship.settings.late import outputs_named, require_filled, with_outputs

FEW = 12  # deployments that are read for what the latest recorded


def with_fresh_outputs(app: App, environment: str, artifact_id: ArtifactId) -> App:
    """Return the app with what the tool wrote for an artifact.

    Raises Refused if an output that the settings name is not there.
    """
    named = outputs_named(app.settings, environment)
    if not named or app.settings.environment(environment).is_filled:
        return app
    file = _file(app, environment, artifact_id)
    values, problems = _read(file, set(named.values()))
    if problems:
        keys = sorted(key for key, place in named.items() if place not in values)
        raise Refused(
            f"{listed(keys)} {'names' if len(keys) == 1 else 'name'} outputs of infrastructure, and of "
            f"{_shown(app, file)}: {'; '.join(problems)}.",
            remedy=f"Have the tool that makes the infrastructure write it: {commands.infra(artifact_id, environment)}",
        )
    return app.with_outputs(environment, values)


def filled(app: App, environment: str) -> Settings:
    """Return the settings with what the latest deployment recorded.

    Of an environment that nothing was deployed to, with what the tool wrote, if that is here. What is not known stays
    as it is: see `require_known`.
    """
    named = outputs_named(app.settings, environment)
    if not named or app.settings.environment(environment).is_filled:
        return app.settings
    places = set(named.values())
    values: Mapping[str, str] = _recorded(app, environment, places)
    if not values:
        values, _ = _read(_newest(app, environment), places)
    return with_outputs(app.settings, environment, values)


def require_known(settings: Settings, environment: str, *above: str) -> None:
    """Raise SettingsError if a key names an output that nobody recorded.

    `above` are the keys that matter: `ecs` of the environment, `static.site`.
    """
    again = f"Have it written, then deploy, which records it: {commands.infra(environment=environment)}"
    require_filled(settings, environment, *above, remedy=again)


def _recorded(app: App, environment: str, places: set[str]) -> dict[str, str]:
    """Read the outputs that deployments recorded, the latest first."""
    values: dict[str, str] = {}
    for count in (FEW, 0):
        for deployment in reversed(app.ledger.deployments(environment, count)):
            values = {**{place: text for place, text in deployment.outputs.items() if place in places}, **values}
            if values.keys() >= places:
                return values
    return values


def _file(app: App, environment: str, artifact_id: ArtifactId) -> Path:
    """Locate the settings' file, or what `inv infra` kept for an artifact."""
    given = app.settings.environment(environment).outputs
    return app.root / given if given else folder(app, artifact_id) / f"infra-{environment}.json"


def _newest(app: App, environment: str) -> Path:
    given = app.settings.environment(environment).outputs
    files = sorted(own(app.root).glob(f"build/*/infra-{environment}.json"), key=lambda path: path.stat().st_mtime)
    return app.root / given if given or not files else files[-1]


def _read(file: Path, places: set[str]) -> tuple[Mapping[str, str], Sequence[str]]:
    try:
        return chosen(file.read_bytes(), places)
    except OSError as reason:
        return {}, [reason.strerror or "it can't be read"]


def _shown(app: App, file: Path) -> str:
    return file.relative_to(app.root).as_posix() if file.is_relative_to(app.root) else str(file)
