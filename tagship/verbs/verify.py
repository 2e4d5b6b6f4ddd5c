"""verify: does every unit, and the outside, see the artifact that was deployed?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.health import Sample, Verdict, verdict, waits
from tagship.domain.text import counted, plural
from tagship.domain.units import Report, noun_of
from tagship.domain.verdict import serves, what_serves
from tagship.engine.plan import reachable
from tagship.engine.scope import named
from tagship.engine.session import observe
from tagship.errors import DeployFailed
from tagship.ports.app import App


@dataclass(frozen=True)
class Verified:
    """Every unit named the artifact as serving; `attempts` is how often the health URL was asked (0: there is none)."""

    environment: str
    artifact: str
    units: tuple[str, ...]
    attempts: int
    unsigned: bool = False

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def verify(app: App, *, artifact: str = "", env: str = "") -> Verified:
    """Ask every unit what it runs, and the health URL of the settings from outside, if there is one."""
    artifact_id, environment = named(app, artifact, env)
    wanted = str(artifact_id)
    units = reachable(app, environment)
    noun, total = noun_of(units), counted(len(units), noun_of(units))
    with app.screen.live(f"asking {total} of {environment} what they run") as phase:
        reports = observe(app, environment, units, phase)
    other = [report for report in reports if not serves(report, wanted)]
    if other:
        raise DeployFailed(
            f"{wanted} does not serve on {len(other)} of {total} of {environment} ({_reason(other[0])}).",
            state=what_serves(units, reports),
            remedy=f"Compare with what was recorded: {commands.status(environment)}",
        )
    found = _outside(app, environment, wanted)
    if not found.healthy:
        raise DeployFailed(
            f"{app.settings.environment(environment).health.url} does not show {wanted}: {found.reason}.",
            state=f"{what_serves(units, reports)} The {plural(noun)} serve it; what stands before them does not.",
            remedy="Look at what stands between: the load balancer, DNS, a cache",
        )
    all_ = "all " if len(units) > 1 else ""
    unsigned = any(report.unsigned for report in reports)
    app.screen.say(f"{wanted}{' (UNSIGNED)' if unsigned else ''} serves on {all_}{total} of {environment}")
    return Verified(environment, wanted, tuple(unit.id for unit in units), found.attempts, unsigned)


def _outside(app: App, environment: str, wanted: str) -> Verdict:
    """The verdict of the health URL, asked until enough answers in a row are good; good at once where there is none."""
    health = app.settings.environment(environment).health
    samples: list[Sample] = []
    if not health.url:
        return Verdict(True, 0)
    for wait in [*waits(health.attempts, health.cap), 0.0]:
        samples.append(app.web.ask(health.url, health.version_key, health.timeout))
        found = verdict(samples, expected=wanted, passes=health.passes)
        if found.healthy:
            return found
        if wait:
            app.clock.sleep(wait)
    return found


def _reason(report: Report) -> str:
    return report.reason or (f"it runs {report.serving}" if report.serving else "it runs nothing")
