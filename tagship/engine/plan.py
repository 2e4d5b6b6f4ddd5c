"""What deploy, rollback, heal and resume plan by: what the ledger says, read once, and which units can be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.absent import gone_sentence
from tagship.domain.deployment import SERVES, Deployment, is_to_come, latest_serving, settled, unfinished
from tagship.domain.hook import PLACES
from tagship.domain.plan import Plan, recorded_runs
from tagship.domain.rules import Rules
from tagship.domain.text import counted, either, listed
from tagship.domain.units import Unit, away_sentence, noun_of, them
from tagship.domain.version import ArtifactId
from tagship.engine.absent import gone
from tagship.engine.artifacts import Stored, verified
from tagship.engine.asked import runs_now
from tagship.engine.fences import plausible
from tagship.engine.gates import warn_of_bad
from tagship.errors import Refused
from tagship.ports.app import App

FEW = 12  # deployments read to know what runs: a request an entry, and the last healthy one is nearly always there
MANY = 60  # deployments read to know what there is to go back to


@dataclass(frozen=True)
class Facts:
    """What the ledger says of an environment.

    One reading of it, for one plan. `history` is oldest first. `fence` is the highest fencing number.
    """

    environment: str
    history: Sequence[Deployment]
    fence: int = 0

    @property
    def last(self) -> Deployment | None:
        """Return the deployment that decides what the environment runs."""
        return latest_serving(self.history)

    @property
    def serving(self) -> str:
        """Return what the environment runs.

        Empty if nothing was ever healthy there.
        """
        return self.last.artifact_id if self.last else ""

    @property
    def runs(self) -> Mapping[str, str]:
        """Map each unit's id to what it runs."""
        return recorded_runs(self.history)

    @property
    def settled(self) -> bool:
        """Tell whether the last deployment has ended.

        Until then, what the environment runs may change.
        """
        return settled(self.history)

    @property
    def unfinished(self) -> Deployment | None:
        """Return the last deployment, if it has not ended."""
        return unfinished(self.history)


def facts(app: App, environment: str, count: int = FEW) -> Facts:
    """Read what the ledger says of an environment: its latest deployments."""
    app.unfilled(environment).prepare()  # while the ledger is read
    return Facts(environment, *plausible(app, environment, recent(app, environment, count)))


def plan_of(
    app: App,
    known: Facts,
    action: str,
    stored: Stored,
    units: Sequence[Unit],
    *,
    others: Sequence[Unit] = (),
    skipped: Sequence[Unit] = (),
    observed: Mapping[str, str] | None = None,
    heals: bool = False,
    all_or_nothing: bool = False,
    backward: bool = False,
) -> Plan:
    """Make the plan to bring units to a stored artifact.

    `observed` is what units say that they run, by their ids.
    """
    return Plan(
        action=action,
        environment=known.environment,
        artifact_id=ArtifactId(stored.manifest.artifact_id),
        manifest_sha256=stored.manifest_sha256,
        units=tuple(units),
        runs={**known.runs, **(observed or {})},
        replaces=known.serving,
        fence=known.fence,
        settled=known.settled,
        heals=heals,
        all_or_nothing=all_or_nothing,
        backward=backward,
        unsigned=not stored.signed,
        others=tuple(others),
        skipped=tuple(skipped),
        serves=known.last,
        unfinished=known.unfinished,
        gone=gone(app, known.environment, known.history, (*units, *others, *skipped)),
        built=stored.manifest.build_time,
        committed=stored.manifest.committed,
        irreversible=_brought(app, known.environment, stored) if action == "deploy" and not heals else (),
        outputs=app.filled(known.environment).environment(known.environment).known_outputs,
        size=stored.manifest.bundle.size + sum(package.size for package in stored.manifest.packages.values()),
    )


def _brought(app: App, environment: str, stored: Stored) -> tuple[str, ...]:
    """Name the version, if its migration can't be undone.

    By its manifest, or by the settings whose command is run.
    """
    irreversible = stored.manifest.irreversible or app.settings.is_irreversible(environment)
    return (stored.manifest.artifact_id,) if irreversible else ()


def recent(app: App, environment: str, count: int = FEW) -> Sequence[Deployment]:
    """Read the latest deployments, oldest first.

    All of them if none was healthy, or only such as begin later than now. Unreadable entries are named.
    """
    deployments, now = app.ledger.deployments(environment, count), app.clock.now()
    begun = [deployment for deployment in deployments if not is_to_come(deployment.id, now)]
    if len(deployments) >= count and not any(deployment.state in SERVES for deployment in begun):
        deployments = app.ledger.deployments(environment)
    name_unreadable(app, environment)
    return deployments


def name_unreadable(app: App, environment: str) -> None:
    """Name what the ledger could not read.

    As damage or as a later tagship's; a spoilt index can be mended.
    """
    for key in app.ledger.unreadable(environment):
        mend = f". Rebuild it: {commands.history(environment, rebuild_index=True)}" if "/_index/" in key else ""
        app.screen.warn(f"the ledger's {key} can't be read and is skipped{mend}")


def reachable(
    app: App,
    environment: str,
    rules: Rules | None = None,
    *,
    of: Sequence[Unit] | None = None,
    around: Callable[[Sequence[Unit]], str] | None = None,
) -> tuple[Unit, ...]:
    """List the units of an environment, if enough can be reached.

    Raises Refused if there is none, or more than may fail cannot be reached.
    `rules` are those of the settings unless others are given; `of` are the units in question if these are not all.
    `around` spells the command that does without those that can't be reached.
    """
    target = app.target(environment)
    rules, units = rules or target.rules, tuple(target.units() if of is None else of)
    away = [unit for unit in units if not unit.online]
    if not away:
        return units
    names = away_sentence(away)
    problem = f"{len(away)} of {counted(len(units), noun_of(units))} of {environment} cannot be reached"
    if len(away) == len(units):
        raise Refused(f"{problem}: {names}.", remedy=f"Start one, then look: {commands.status(environment)}")
    if len(away) > rules.allowed(len(units)):
        raise Refused(f"{problem}: {names}.", remedy=_without(environment, away, around(away) if around else ""))
    if rules.everywhere:
        app.screen.warn(f"{problem}: {names}")
        app.screen.warn(f"it goes to the others; once those can be reached: {commands.heal(environment)}")
    else:
        app.screen.warn(f"{problem}, and max_errors is {rules.errors}: {names}")
    return units


def _without(environment: str, away: Sequence[Unit], around: str) -> str:
    """Say what to do about units that cannot be reached."""
    if around:
        return either(f"Go on without: {around}", f"Or start {them(away)}, or untag those that no longer exist")
    return f"Start {them(away)}, or untag those that no longer exist. Then look: {commands.status(environment)}"


def manifest_sha256(app: App, environment: str, artifact_id: ArtifactId) -> str:
    """Return the digest that names an artifact's manifest to units.

    Raises ArtifactMissing or NotAuthentic.
    """
    return verified(app, environment, artifact_id).manifest_sha256


def show(app: App, plan: Plan) -> None:
    """Show the plan, as a person reads it.

    With what the units say they run if somebody is there to read that.
    """
    warn_of_bad(app, plan.environment, plan.artifact_id, plan.bad)
    app.screen.say(f"{plan.action} {plan.label} on {plan.environment}{_in_place_of(plan)}")
    asked = app.prompt.possible or plan.heals  # a log has nobody who waits for it
    shown = replace(plan, runs=runs_now(app, plan)) if asked else plan
    now = "RUNS NOW" if asked else "BY THE LEDGER"
    app.screen.table((plan.noun.upper(), "ID", now, "WILL RUN"), shown.rows())
    warn_of_gone(app, plan)
    _show_hooks(app, plan)
    behind = [f"{name} last ran {runs}" for name, runs in plan.left_behind.items()]
    if behind:
        app.screen.warn(f"not on {plan.replaces}, by the ledger: {listed(behind)}")


def _show_hooks(app: App, plan: Plan) -> None:
    """Show what is run beside it, and migrations that can't be undone."""
    hooks = {place: app.settings.hook(plan.environment, place) for place in PLACES if plan.runs_hooks}
    works = [f"{place} ({hook.work})" for place, hook in hooks.items() if hook]
    if works:
        app.screen.say(f"hooks: {', '.join(works)}")
    if plan.irreversible:
        stays = "" if plan.action == "deploy" else "; they stay applied"
        app.screen.warn(f"migrations that can't be undone: {listed(plan.irreversible)}{stays}")


def _in_place_of(plan: Plan) -> str:
    """Name what it replaces, and what an unfinished deployment put there."""
    before = f", in place of {plan.replaces}" if plan.replaces and plan.replaces != plan.artifact_id else ""
    begun = plan.unfinished.artifact_id if plan.unfinished else plan.artifact_id
    if begun in {plan.artifact_id, plan.replaces}:
        return before
    return f"{before} and of the unfinished {begun}" if before else f", in place of the unfinished {begun}"


def warn_of_gone(app: App, plan: Plan) -> None:
    """Warn of units of earlier deployments that are not there now."""
    if plan.gone:
        app.screen.warn(gone_sentence(plan.gone, plan.noun, plan.environment))
