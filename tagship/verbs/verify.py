"""verify: does every unit, and the outside, see the artifact that was deployed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.absent import gone_sentence
from tagship.domain.health import Sample, Verdict, under_way, verdict, waits
from tagship.domain.text import counted, either, plural
from tagship.domain.units import Report, Unit, noun_of
from tagship.domain.verdict import serves, unserved, what_serves
from tagship.domain.version import ArtifactId
from tagship.engine.absent import gone
from tagship.engine.lease_session import observe
from tagship.engine.plan import facts, reachable
from tagship.engine.rollback_candidates import way_back
from tagship.engine.scope import named, one_environment
from tagship.errors import DeployFailed, Refused, RollbackFailed, TagshipError
from tagship.ports.app import App
from tagship.settings.late import require_known


@dataclass(frozen=True)
class Verified:
    """The proof that every unit named the artifact as serving.

    `attempts` is how often the health URL was asked (0: there is none).
    """

    environment: str
    artifact: str
    units: tuple[str, ...]
    attempts: int
    unsigned: bool = False

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def verify(app: App, *, artifact: str = "", env: str = "") -> Verified:
    """Ask every unit what it runs, and the health URL.

    The URL is asked from outside, if the settings have one. Without a version, what the ledger says runs is meant.
    Raises Incomplete if only some units serve it, DeployFailed if another version serves, RollbackFailed if none does.
    """
    artifact_id, environment = _meant(app, artifact, env)
    wanted = str(artifact_id)
    units = reachable(app, environment)
    _warn_of_gone(app, environment, units)
    total = counted(len(units), noun_of(units))
    with app.screen.live(f"asking {total} of {environment} what they run") as phase:
        reports = observe(app, environment, units, phase)
    if not all(serves(report, wanted) for report in reports):
        raise _missing(app, environment, wanted, units, reports)
    outside = _outside(app, environment, wanted)
    if not outside.healthy:
        raise _hidden(app, environment, wanted, outside, units)
    all_ = "all " if len(units) > 1 else ""
    unsigned = any(report.unsigned for report in reports)
    app.screen.say(f"{wanted}{' (UNSIGNED)' if unsigned else ''} serves on {all_}{total} of {environment}")
    return Verified(environment, wanted, tuple(unit.id for unit in units), outside.attempts, unsigned)


def _meant(app: App, artifact: str, env: str) -> tuple[ArtifactId, str]:
    """Find what should run: what is named, or what the ledger says."""
    if artifact or app.ci.tag:
        return named(app, artifact, env)
    environment = one_environment(app, env)
    last = facts(app, environment).last
    if last is None:
        raise Refused(
            f"Nothing was ever deployed to {environment}.", remedy=f"Ship a version: {commands.deploy_dev(environment)}"
        )
    return last.artifact_id, environment


def _warn_of_gone(app: App, environment: str, units: Sequence[Unit]) -> None:
    """Warn of units of earlier deployments that are not there now.

    What the units say needs no ledger: one that does not answer ends nothing.
    """
    try:
        missing = gone(app, environment, facts(app, environment).history, units)
    except TagshipError as reason:
        app.screen.warn(f"can't tell if {plural(noun_of(units))} of earlier deployments are missing: {reason.what}")
        return
    if missing:
        app.screen.warn(gone_sentence(missing, noun_of(units), environment))


def _missing(app: App, environment: str, wanted: str, units: Sequence[Unit], reports: Sequence[Report]) -> TagshipError:
    """Build the error of units that do not serve it.

    It has the way back if nothing is seen serving.
    """
    other = [report for report in reports if not serves(report, wanted)]
    total = counted(len(units), noun_of(units))
    problem = f"{wanted} does not serve on {len(other)} of {total} of {environment} ({_reason(other[0])})."
    state, look = what_serves(units, reports), f"Compare with what was recorded: {commands.status(environment)}"
    kind = unserved(wanted, reports)
    back = way_back(app, environment, wanted) if kind is RollbackFailed else ""
    return kind(problem, state=state, remedy=either(f"Go back: {back}" if back else "", look))


def _hidden(app: App, environment: str, wanted: str, outside: Verdict, units: Sequence[Unit]) -> TagshipError:
    """Build the error of an outside that shows something else.

    Every unit serves the artifact.
    """
    kind = DeployFailed if outside.other else RollbackFailed
    return kind(
        f"{app.filled(environment).environment(environment).health.url} does not show {wanted}: {outside.reason}.",
        state=f"{wanted} is serving. The {plural(noun_of(units))} serve it; what stands before them does not.",
        remedy="Look at what stands between: the load balancer, DNS, a cache",
    )


def _outside(app: App, environment: str, wanted: str) -> Verdict:
    """Ask the health URL until enough answers in a row are good.

    Returns the verdict; good at once without a URL.
    """
    settings = app.filled(environment)
    require_known(settings, environment, "health")
    health = settings.environment(environment).health
    samples: list[Sample] = []
    if not health.url:
        return Verdict(True, 0)
    with app.screen.live(f"asking {health.url}") as phase:
        for wait in [*waits(health.attempts, health.cap), 0.0]:
            samples.append(app.web.ask(health.url, health.version_key, health.timeout))
            good = health.accepted(health.version_key)
            outcome = verdict(samples, expected=wanted, passes=health.passes, accepted=good)
            if outcome.healthy:
                break
            if wait:
                phase(under_way(len(samples), health.attempts, outcome.reason, health.cap))
                app.clock.sleep(wait)
    return outcome


def _reason(report: Report) -> str:
    return report.reason or (f"it runs {report.serving}" if report.serving else "it runs nothing")
