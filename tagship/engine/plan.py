"""The guards that deploy and rollback share: which artifact, which environment, what runs there, who can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import counted, listed
from tagship.domain.units import Unit, noun_of
from tagship.engine.artifacts import verified
from tagship.errors import Refused
from tagship.ports.app import App

FEW = 12  # deployments read to know what runs: a request an entry, and the last healthy one is nearly always there
MANY = 60  # deployments read to know what there is to go back to


def recent(app: App, environment: str, count: int = FEW) -> Sequence[Deployment]:
    """The latest deployments, oldest first; all of them where none was healthy. Unreadable entries are named."""
    found = app.ledger.deployments(environment, count)
    if len(found) >= count and not any(one.state in SERVES for one in found):
        found = app.ledger.deployments(environment)
    name_unreadable(app, environment)
    return found


def name_unreadable(app: App, environment: str) -> None:
    """Name what the ledger could not read, as damage or as a later tagship's; a spoilt index can be mended."""
    for key in app.ledger.unreadable(environment):
        mend = f" (mend it: inv history --env {environment} --rebuild-index)" if "/_index/" in key else ""
        app.screen.warn(f"the ledger's {key} cannot be read: it is passed over{mend}")


def all_read(app: App, environment: str, one: Deployment) -> bool:
    """Whether every entry of a deployment could be read: its end may be among those that could not."""
    return not any(f"/{one.id}/" in key for key in app.ledger.unreadable(environment))


def reachable(app: App, environment: str) -> tuple[Unit, ...]:
    """The units of an environment; raises Refused when there is none, or more than may fail cannot be reached."""
    target = app.target(environment)
    units = tuple(target.units())
    away = [unit for unit in units if not unit.online]
    if not away:
        return units
    names = listed([f"{unit.name} ({unit.id}): {unit.away}" for unit in away])
    what = f"{len(away)} of {counted(len(units), noun_of(units))} of {environment} cannot be reached"
    if len(away) > target.rules.allowed(len(units)) or len(away) == len(units):
        raise Refused(
            f"{what}: {names}.",
            remedy=f"Start it (or, if it is gone for good, untag it), then look: inv status --env {environment}",
        )
    app.screen.warn(f"{what}, and max_errors is {target.rules.errors}: {names}")
    return units


def manifest_sha256(app: App, environment: str, artifact_id: str) -> str:
    """The digest that names an artifact's manifest to a unit; raises ArtifactMissing or NotAuthentic."""
    return verified(app, environment, artifact_id).manifest_sha256


def show(app: App, plan: Plan) -> None:
    """The plan, as a person reads it."""
    before = f", in place of {plan.replaces}" if plan.replaces and plan.replaces != plan.artifact_id else ""
    app.screen.say(f"{plan.action} {plan.label} on {plan.environment}{before}")
    app.screen.table((plan.noun.upper(), "ID", "RUNS NOW", "WILL RUN"), plan.rows())
