"""Outputs of infrastructure, for everything but a deployment: what the latest one recorded.

At three in the morning there is no Terraform and no file: status, rollback, resume and logs take what the ledger has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tagship.domain.deployment import is_to_come
from tagship.ports.app import App
from tagship.settings import Settings, own
from tagship.settings.late import outputs_named, read_chosen, with_outputs

FEW = 12  # deployments that are read for what the latest recorded


def filled(app: App, environment: str) -> Settings:
    """Return the settings with what the latest deployment recorded.

    Of an environment that nothing was deployed to, with what the tool wrote, if that is here. What is not known stays
    as it is: see settings/late.
    """
    named = outputs_named(app.settings, environment)
    if not named or app.settings.environment(environment).is_filled:
        return app.settings
    places = set(named.values())
    values: Mapping[str, str] = _recorded(app, environment, places)
    if not values:
        values, _ = read_chosen(_newest(app, environment), places)
    return with_outputs(app.settings, environment, values)


def _recorded(app: App, environment: str, places: set[str]) -> dict[str, str]:
    """Read the outputs that deployments recorded, the latest first."""
    values: dict[str, str] = {}
    for count in (FEW, 0):
        for deployment in reversed(app.ledger.deployments(environment, count)):
            if is_to_come(deployment.id, app.clock.now()) and is_to_come(deployment.id, app.store.now()):
                continue
            values = {**{place: text for place, text in deployment.outputs.items() if place in places}, **values}
            if values.keys() >= places:
                return values
    return values


def _newest(app: App, environment: str) -> Path:
    given = app.settings.environment(environment).outputs
    files = sorted(own(app.root).glob(f"build/*/infra-{environment}.json"), key=lambda path: path.stat().st_mtime)
    return app.root / given if given or not files else files[-1]
