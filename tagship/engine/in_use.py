"""What uses an environment's artifacts: read from its ledger, its units and the other environments, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagship.domain import commands, layout
from tagship.domain.deployment import Deployment
from tagship.domain.retention import WINDOW, Policy, Use, healthy_versions
from tagship.domain.standing import marked_bad, ways_back
from tagship.domain.static_set import NOTHING, Presence
from tagship.domain.text import listed, moment
from tagship.domain.units import Report, away_sentence
from tagship.engine.gates import freeze_of
from tagship.engine.holder import look
from tagship.engine.lease_session import ask
from tagship.engine.previews import find, preview_number
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.ports.target import Starter

Histories = Mapping[str, Sequence[Deployment]]


def histories(app: App) -> dict[str, Sequence[Deployment]]:
    """Read every environment's ledger, whole. Raises Refused."""
    return {environment: complete(app, environment) for environment in app.settings.environments}


def complete(app: App, environment: str) -> Sequence[Deployment]:
    """Read all deployments and marks. Raises Refused if one can't be read."""
    history = app.ledger.deployments(environment)
    app.ledger.marks(environment)
    unreadable = [key for key in app.ledger.unreadable(environment) if "/_index/" not in key]
    if unreadable:
        raise Refused(
            f"The ledger of {environment} can't all be read, so what is in use is not known: {listed(unreadable, 3)}.",
            remedy=f"See what is wrong with it: {commands.history(environment, verify=True)}",
        )
    return history


def in_use(app: App, environment: str, policy: Policy, known: Histories, holding: Mapping[str, str]) -> Use:
    """Gather what uses the artifacts of an environment.

    `holding` maps artifacts to what on AWS uses something of them. Raises Refused if the ledger, a unit or a static
    set's record can't be read: then nothing may go.
    """
    history, marks = known[environment], app.ledger.marks(environment)
    others = {other: deployments for other, deployments in known.items() if other != environment}
    if is_closed(app, environment):
        return Use(history, marks, others=others, closed=True)
    target = app.target(environment)
    return Use(
        history,
        marks,
        units=_units(app, environment, history),
        starting=tuple(target.starting()) if isinstance(target, Starter) else (),
        newest=_stored(app, environment, healthy_versions(history, marks), policy.keep),
        window=_stored(app, environment, ways_back(history, marks), WINDOW),
        others=others,
        holding={**holding, **_of_static_sets(app, environment)},
        promotable=_promotable(app, environment, known),
    )


def _promotable(app: App, environment: str, known: Histories) -> str:
    """Find the version that would be promoted next.

    It is the last that passed its tests, if the next environment never had it and nobody marked it bad. Empty: none.
    """
    order = app.settings.promotion.order
    if environment not in order[:-1]:
        return ""
    following = known.get(order[order.index(environment) + 1], ())
    out = {str(deployment.artifact_id) for deployment in following}
    out |= marked_bad(known[environment], app.ledger.marks(environment))
    passed = reversed(app.ledger.tests(environment))
    return next((entry.artifact_id for entry in passed if entry.artifact_id not in out), "")


def is_closed(app: App, environment: str) -> bool:
    """Tell whether it is a preview that was taken away."""
    record = find(app, environment) if preview_number(app, environment) else None
    return record is not None and not record.lives


def _of_static_sets(app: App, environment: str) -> dict[str, str]:
    """Map artifacts to the static set that holds their files."""
    reasons: dict[str, str] = {}
    for name in app.settings.static_sets(environment):
        key = layout.static_presence(app.settings.app, environment, name)
        stored = app.store.get(key)
        presence = Presence.from_json(stored.body, key) if stored else NOTHING
        for artifact in (*presence.present, presence.before, *presence.recent):
            reasons.setdefault(artifact, f"static set {name} holds its files")
    return reasons


def hold(app: App, environment: str) -> str:
    """Say why nothing may go now: a freeze, or somebody's lease.

    Empty if nothing holds the environment.
    """
    frozen = freeze_of(app, environment)
    if frozen:
        return f"it is frozen until {moment(frozen.freeze.until)} UTC by {frozen.freeze.who}"
    lease = look(app, environment)
    if lease.state == "unreadable":
        raise Refused(lease.problem, remedy=lease.remedy)
    return "" if lease.state == "free" else f"{lease.holder} holds {environment}"


def _stored(app: App, environment: str, artifacts: Sequence[str], count: int) -> list[str]:
    """Take the first that are stored: those in doubt are asked for."""
    stored: list[str] = []
    for artifact in artifacts:
        if len(stored) == count:
            break
        if app.store.head(layout.artifact(app.settings.app, environment, artifact, layout.MANIFEST)):
            stored.append(artifact)
    return stored


def _units(app: App, environment: str, history: Sequence[Deployment]) -> dict[str, list[str]]:
    """Map each unit to what it runs and ran before. Raises Refused.

    If one can't be asked, or runs what the ledger knows nothing of.
    """
    units = app.target(environment).units()
    away = [unit for unit in units if not unit.online]
    if away:
        raise _unknown(environment, f"{away_sentence(away)}")
    names = {unit.id: unit.name for unit in units}
    reports = ask(app, environment, units)
    for report in reports:
        if report.outcome == "silent":
            raise _unknown(environment, f"{names[report.unit]}: {report.reason or 'it did not answer'}")
    _require_known(environment, reports, names, history)
    return {names[report.unit]: [report.serving, report.previous] for report in reports}


def _unknown(environment: str, why: str) -> Refused:
    return Refused(
        f"What {environment} runs is not known, so nothing of it may go: {why}.",
        remedy=f"Start what is missing, or untag those that no longer exist. Then look: {commands.status(environment)}",
    )


def _require_known(
    environment: str, reports: Sequence[Report], names: Mapping[str, str], history: Sequence[Deployment]
) -> None:
    """Refuse if a unit runs what the ledger never deployed."""
    # Then the ledger is not all there.
    ever = {deployment.artifact_id for deployment in history}
    for report in reports:
        if report.serving and report.serving not in ever:
            raise Refused(
                f"{names[report.unit]} runs {report.serving}, which the ledger of {environment} knows nothing of.",
                remedy=f"Record it by a deployment first: {commands.deploy(report.serving, environment)}",
            )
