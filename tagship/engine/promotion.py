"""The gates of a promotion: the order of environments, and what a version has to have come through in the one before.

Each is asked once, here: by promote, by deploy of what was promoted, and by why-not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from tagship.domain import commands
from tagship.domain.deployment import SERVES, Deployment, Entry
from tagship.domain.manifest import Promoted
from tagship.domain.text import moment
from tagship.domain.version import ArtifactId
from tagship.engine.gates import require_good, why_bad
from tagship.engine.plan import MANY, recent
from tagship.errors import Refused, SettingsError
from tagship.ports.app import App


def order_of(app: App) -> Sequence[str]:
    """Return the order of environments. Raises SettingsError without one."""
    order = app.settings.promotion.order
    if order:
        return order
    raise SettingsError(
        "tagship.toml has no promotion.order, so nothing is promoted.",
        remedy='Name the environments in their order, such as order = ["dev", "prod"], under [promotion]',
    )


def before(app: App, environment: str) -> str:
    """Name the environment that a version comes from; empty: none."""
    order = app.settings.promotion.order
    place = order.index(environment) if environment in order else 0
    return order[place - 1] if place else ""


def require_next(app: App, source: str, to: str) -> None:
    """Require that no environment is skipped. Raises Refused."""
    order_of(app)
    for name in (source, to):
        app.settings.environment(name)
    if before(app, to) != source:
        came = before(app, to)
        raise Refused(
            f"{to} does not come after {source}: promotion.order is {', '.join(order_of(app))}.",
            remedy=f"Promote from the one before it: {commands.promote(came, to)}" if came else "Name another --to",
        )


def passed(app: App, environment: str, artifact_id: ArtifactId, manifest_sha256: str) -> Entry | None:
    """Find the record that these very bytes passed; None without one."""
    records = (entry for entry in app.ledger.tests(environment) if entry.artifact_id == artifact_id)
    return next((entry for entry in records if entry.details.get("manifest_sha256") == manifest_sha256), None)


@dataclass(frozen=True)
class Eligibility:
    """What a version came through in the environment before.

    `again` is the command that this is asked for. Each gate says in a few words what it found, or raises Refused.
    """

    app: App
    source: str
    artifact_id: ArtifactId
    again: str

    @cached_property
    def _history(self) -> Sequence[Deployment]:
        """Read deployments: all, if the latest lack the version."""
        latest = recent(self.app, self.source, MANY)
        if any(deployment.artifact_id == self.artifact_id for deployment in latest):
            return latest
        return self.app.ledger.deployments(self.source)

    @cached_property
    def _since(self) -> datetime:
        return _healthy_since(self.source, self.artifact_id, self._history)

    def healthy(self) -> str:
        """Require that it was healthy."""
        return f"healthy on {self.source} since {moment(self._since.isoformat())} UTC"

    def unmarked(self, *, allow_bad: bool = False) -> str:
        """Require that nobody marked it bad."""
        bad = why_bad(self.app, self.source, self.artifact_id, self._history)
        if bad and bad.by_hand and not allow_bad:
            require_good(self.source, self.artifact_id, bad, self.again)
        return f"not marked bad on {self.source}"

    def tested(self, manifest_sha256: str) -> str:
        """Require the record that these very bytes passed their tests."""
        if not self.app.settings.promotion.tests:
            return "promotion.tests requires none"
        record = passed(self.app, self.source, self.artifact_id, manifest_sha256)
        if record is None:
            raise Refused(
                f"Nobody recorded that {self.artifact_id} passed its tests on {self.source}.",
                remedy=f"Run them, then record it: {commands.tested(self.artifact_id, self.source)}",
            )
        return f"passed on {self.source}, by the record of {record.who}"

    def baked(self) -> str:
        """Require that it has served long enough."""
        bake = self.app.settings.promotion.bake
        if not bake:  # S3's time has whole seconds: what was healthy in this one would seem to be healthy later
            return "promotion.bake is 0"
        ready = self._since + timedelta(minutes=bake)
        if ready > self.app.store.now():
            raise Refused(
                f"{self.artifact_id} has served on {self.source} since {moment(self._since.isoformat())} UTC, and "
                f"promotion.bake is {bake} min.",
                remedy=f"From {moment(ready.isoformat())} UTC on: {self.again}",
            )
        return f"served there for at least {bake} min"


def require_passed(
    app: App, source: str, artifact_id: ArtifactId, manifest_sha256: str, again: str, *, allow_bad: bool = False
) -> str:
    """Require what a version has to have come through in `source`.

    It was healthy, is not marked bad, passed its tests, and has served long enough there; says so in a few words.
    `again` is the command that this is asked for. Raises Refused.
    """
    record = Eligibility(app, source, artifact_id, again)
    healthy = record.healthy()
    record.unmarked(allow_bad=allow_bad)
    record.tested(manifest_sha256)
    record.baked()
    return healthy


def require_promoted(app: App, artifact_id: ArtifactId, came: Promoted, again: str, *, allow_bad: bool = False) -> str:
    """Ask the same of a version that was promoted before."""
    return require_passed(app, came.environment, artifact_id, came.manifest_sha256, again, allow_bad=allow_bad)


def _healthy_since(source: str, artifact_id: ArtifactId, history: Sequence[Deployment]) -> datetime:
    """Return since when a version was healthy the last time. Raises Refused.

    Deploying it again, or healing a unit, begins no new time.
    """
    since = ""
    for deployment in reversed([deployment for deployment in history if deployment.state in SERVES]):
        if deployment.artifact_id == artifact_id:
            since = deployment.last.at if deployment.state == "healthy" else since
        elif since:
            break
    if not since:
        raise Refused(
            f"{artifact_id} was never healthy on {source}.",
            remedy=f"Deploy it there first: {commands.deploy(artifact_id, source)}",
        )
    return datetime.fromisoformat(since)
