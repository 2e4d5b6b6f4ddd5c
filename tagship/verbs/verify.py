"""verify: does every host, and the outside, see the artifact that was deployed?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain.health import Sample, Verdict, verdict, waits
from tagship.domain.units import Report
from tagship.domain.verdict import serves, what_serves
from tagship.engine.announce import announced
from tagship.engine.plan import reachable
from tagship.engine.scope import named
from tagship.engine.session import ask_what_runs
from tagship.errors import DeployFailed
from tagship.ports.app import App


@dataclass(frozen=True)
class Verified:
    """Every host named the artifact as serving; `attempts` is how often the health URL was asked (0: there is none)."""

    environment: str
    artifact: str
    hosts: tuple[str, ...]
    attempts: int
    unsigned: bool = False

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def verify(app: App, *, artifact: str = "", env: str = "") -> Verified:
    """Ask every host what it runs, and the health URL of the settings from outside, where there is one."""
    with announced(app):
        return _verified(app, artifact, env)


def _verified(app: App, artifact: str, env: str) -> Verified:
    artifact_id, environment = named(app, artifact, env)
    wanted = str(artifact_id)
    hosts = reachable(app, environment)
    with app.screen.live(f"asking {len(hosts)} hosts of {environment} what they run") as phase:
        reports = ask_what_runs(app, environment, hosts, phase)
    other = [one for one in reports if not serves(one, wanted)]
    if other:
        raise DeployFailed(
            f"{len(other)} of {len(hosts)} hosts of {environment} do not serve {wanted} ({_reason(other[0])}).",
            state=what_serves(hosts, reports),
            remedy=f"Compare with what was recorded: inv status --env {environment}",
        )
    found = _outside(app, environment, wanted)
    if not found.healthy:
        raise DeployFailed(
            f"{app.settings.environment(environment).health.url} does not show {wanted}: {found.reason}.",
            state=f"{what_serves(hosts, reports)} The hosts say so; what lies before them does not.",
            remedy="Look at what stands between: the load balancer, DNS, a cache",
        )
    unsigned = any(one.unsigned for one in reports)
    app.screen.say(f"{wanted}{' (UNSIGNED)' if unsigned else ''} serves on all {len(hosts)} hosts of {environment}")
    return Verified(environment, wanted, tuple(host.id for host in hosts), found.attempts, unsigned)


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
