"""metrics: how deployments go: success, time, rollbacks, and DORA's four keys, from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from tagship.domain import emf as embedded
from tagship.domain import metrics_text
from tagship.domain.metrics import Metrics
from tagship.domain.metrics import metrics as computed
from tagship.engine.abreast import Missed, abreast, insist
from tagship.engine.period import since_when
from tagship.engine.plan import name_unreadable
from tagship.errors import UsageError
from tagship.ports.app import App

LONG_AGO = "30d"


@dataclass(frozen=True)
class Figures:
    """The figures of each environment; `text` is what is printed."""

    environments: Sequence[Metrics]
    text: str
    missed: Sequence[Missed] = ()

    def insist(self) -> None:
        """Raise ServiceFailed if an environment's ledger could not be read."""
        insist(self.missed)

    def as_data(self) -> list[dict[str, object]]:
        return [asdict(metrics) for metrics in self.environments]


def metrics(app: App, *, env: str = "", since: str = LONG_AGO, openmetrics: bool = False, emf: bool = False) -> Figures:
    """Compute the figures of one environment, or of all.

    Of deployments that began since then, by the store's clock.
    """
    if openmetrics and emf:
        raise UsageError("--openmetrics and --emf are a format each.", remedy="Give one of them")
    until = app.store.now()
    begin = since_when(since, app.store.now)
    if begin is None or begin >= until:
        raise UsageError(f"Invalid --since {since!r}: nothing is after it.", remedy="Give an age: --since 30d")
    chosen = [env] if env else list(app.settings.environments)
    for environment in chosen:
        app.settings.environment(environment)
    missed = list[Missed]()
    figures = list(abreast(app, chosen, lambda app, environment: _figures(app, environment, begin, until), missed))
    return Figures(figures, _text(app, figures, openmetrics=openmetrics, emf=emf), missed)


def _figures(app: App, environment: str, begin: datetime, until: datetime) -> Metrics:
    deployments = app.ledger.deployments(environment)
    name_unreadable(app, environment)
    return computed(deployments, environment, begin, until)


def _text(app: App, figures: Sequence[Metrics], *, openmetrics: bool, emf: bool) -> str:
    if emf:
        return embedded.lines(figures, app.settings.app, app.settings.metrics.namespace)
    return metrics_text.openmetrics(figures) if openmetrics else metrics_text.plain(figures)
