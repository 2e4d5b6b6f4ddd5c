"""Send figures to CloudWatch, if the settings want it: at each deployment's end, and of each look of a monitor.

What fails of it is a warning: it comes after the outcome is recorded, and changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from tagship.domain import emf
from tagship.domain.metrics import metrics
from tagship.engine.statuses import Status
from tagship.errors import TagshipError
from tagship.ports.app import App

PERIOD = timedelta(days=30)


@dataclass
class Counted:
    """The deployment whose end is to be counted; empty: none began."""

    deployment_id: str = ""


@contextmanager
def figures_at_end(app: App, environment: str) -> Iterator[Counted]:
    """Send an environment's figures once its deployment has ended."""
    counted = Counted()
    try:
        yield counted
    finally:
        if counted.deployment_id and app.settings.sends_figures(environment):
            _send_end(app, environment, counted.deployment_id)


def _send_end(app: App, environment: str, deployment_id: str) -> None:
    """Send the figures of the last 30 days, and this deployment's own."""
    try:
        until, history = app.store.now(), app.ledger.deployments(environment)
        mine = next((deployment for deployment in history if deployment.id == deployment_id), None)
        if mine is None or not mine.ended:
            return
        figures = metrics(history, environment, until - PERIOD, until + timedelta(seconds=1))
        line = emf.of_deployment(figures, mine, app.settings.app, app.settings.metrics.namespace)
        app.hurried.at(environment).figures.put(environment, until, line)
    except TagshipError as reason:
        _warn(app, reason)


def send_look(app: App, current: Status) -> None:
    """Send how an environment's units are, unless a deployment is at it."""
    environment = current.environment
    at_work = bool(current.unfinished) and current.lease.state == "held"
    if at_work or not app.settings.sends_figures(environment):
        return
    look = emf.Look(
        current.drifted,
        sum(bool(unit.drift) for unit in current.units),
        sum(not unit.healthy for unit in current.units),
    )
    try:
        now = app.store.now()
        line = emf.of_look(look, environment, now, app.settings.app, app.settings.metrics.namespace)
        app.hurried.at(environment).figures.put(environment, now, line)
    except TagshipError as reason:
        _warn(app, reason)


def _warn(app: App, reason: TagshipError) -> None:
    app.screen.warn(f"no figures were sent to CloudWatch: {reason.what} {reason.remedy}".rstrip())
