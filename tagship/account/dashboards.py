"""The dashboard and the alarms of an app, as the settings want them."""

from __future__ import annotations

from tagship.domain.dashboard import WatchedFigures, with_dashboard
from tagship.domain.foundation import COMMENT, LARGEST
from tagship.domain.text import counted
from tagship.errors import SettingsError
from tagship.settings import Settings


def with_figures(settings: Settings, template: str) -> str:
    """Add what watches figures to foundation.yaml, if the settings want it.

    Raises SettingsError if alarms of so many environments don't fit into one template.
    """
    chosen = settings.metrics
    environments = [name for name in settings.environments if settings.sends_figures(name)]
    if not environments:
        return template
    watched = WatchedFigures(settings.app, environments, chosen.namespace, chosen.alarm_topic, chosen.failure_rate)
    made = with_dashboard(template, watched)
    made = made if len(made.encode()) <= LARGEST else COMMENT.sub("", made)
    if len(made.encode()) > LARGEST:
        raise SettingsError(
            f"The dashboard and alarms of {counted(len(environments), 'environment')} don't fit into one template.",
            remedy='Name those to watch under [metrics] in tagship.toml: environments = ["prod"]',
        )
    return made
