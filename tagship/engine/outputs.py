"""What infrastructure says that it made, as settings name it: read for a deployment, which records it in the ledger.

Everything else takes what was recorded: see tagship.adapters.outputs.
"""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.text import listed
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.settings.late import outputs_named, read_chosen


def with_fresh_outputs(app: App, environment: str, artifact_id: ArtifactId) -> App:
    """Return the app with what the tool wrote for an artifact.

    Raises Refused if an output that the settings name is not there.
    """
    named = outputs_named(app.settings, environment)
    if not named or app.settings.environment(environment).is_filled:
        return app
    given = app.settings.environment(environment).outputs
    file = app.root / given if given else folder(app, artifact_id) / f"infra-{environment}.json"
    values, problems = read_chosen(file, set(named.values()))
    if problems:
        keys = sorted(key for key, place in named.items() if place not in values)
        raise Refused(
            f"{listed(keys)} {'names' if len(keys) == 1 else 'name'} outputs of infrastructure, and of "
            f"{file.relative_to(app.root)}: {'; '.join(problems)}.",
            remedy=f"Have the tool that makes the infrastructure write it: {commands.infra(artifact_id, environment)}",
        )
    return app.with_outputs(environment, values)
