"""Whether the environment could be rolled back now: to what, how long that takes, or what is in the way.

What `drill` looks at that can be looked at cheaply: a version that was healthy, stored and signed, its images, and the
migrations in between. Units' own copies, permissions and the secrets' versions are left to `drill`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import listed, plural, span
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import Stored
from tagship.engine.crossing import left_applied
from tagship.engine.plan import FEW, Facts
from tagship.engine.rollback_candidates import first_good
from tagship.errors import Refused, TagshipError
from tagship.ports.app import App

RECENT = 5  # deployments whose median is the time to expect


@dataclass(frozen=True)
class Readiness:
    """Whether a rollback would work.

    `version` is what it would go to; empty if nothing was healthy before. `seconds` is the time to expect, None if the
    ledger does not say, `by` what it is taken from. `problem` is what is in the way, or what could not be looked at.
    """

    version: str = ""
    seconds: float | None = None
    by: str = ""
    problem: str = ""
    remedy: str = ""

    @property
    def ready(self) -> bool:
        return bool(self.version) and not self.problem

    def as_data(self) -> dict[str, object]:
        return {"ready": self.ready, "version": self.version, "seconds": self.seconds, "problem": self.problem}


def expected(history: Sequence[Deployment], action: str) -> float | None:
    """Return the median seconds of the latest deployments of that kind."""
    done = [past.seconds for past in history if past.first.action == action and past.state in SERVES]
    latest = sorted(done[-RECENT:])
    return round(latest[len(latest) // 2], 3) if latest else None


def readiness(app: App, plan: Plan, history: Sequence[Deployment]) -> Readiness:
    """Look at the way back from the plan's artifact."""
    environment, back = plan.environment, first_good(app, plan.environment, history, plan.artifact_id)
    if back is None:
        return Readiness()
    version = back.manifest.artifact_id
    state = replace(_time(history), version=version)
    left = [*plan.irreversible, *left_applied(app, environment, version, history)]
    if left:
        problem = f"{plural('migration', len(left))} of {listed(left)} can't be undone"
        again = commands.rollback(version, environment, allow_irreversible=True)
        return replace(state, problem=problem, remedy=f"If {version} works with that data: {again}")
    return replace(state, problem=_unpullable(app, back), remedy=commands.drill(environment))


def _time(history: Sequence[Deployment]) -> Readiness:
    """Take the time from rollbacks; without any, from deployments."""
    for action, by in (("rollback", "rollbacks"), ("deploy", "deployments")):
        if (seconds := expected(history, action)) is not None:
            return Readiness(seconds=seconds, by=by)
    return Readiness()


def _unpullable(app: App, back: Stored) -> str:
    for image in back.manifest.every_image.values():
        if why := app.registry.status(image).why_not_pullable:
            return f"{image.digest} can't be pulled: {why}"
    return ""


def require_ready(app: App, plan: Plan, known: Facts) -> Plan:
    """Refuse what could not be rolled back, if settings demand it.

    The first deployment of all has nothing to go back to, and is no such one.
    """
    if app.settings.environment(plan.environment).require_rollback and known.last:
        state = readiness(app, plan, known.history)
        if not state.ready:
            raise Refused(
                f"{plan.artifact_id} could not be rolled back from on {plan.environment} (require_rollback): "
                f"{state.problem or 'no other version that was healthy there can be used'}.",
                remedy=state.remedy or commands.drill(plan.environment),
            )
    return plan


def said_ready(app: App, plan: Plan) -> Readiness:
    """Say whether a deployed environment could be rolled back.

    What can't be looked at is said, and fails nothing: the version serves.
    """
    try:
        state = readiness(app, plan, app.ledger.deployments(plan.environment, FEW))
    except TagshipError as reason:
        state = Readiness(problem=f"not known: {reason.what.rstrip('.')}", remedy=commands.drill(plan.environment))
    if state.ready:
        when = f", about {span(state.seconds)} by the last {state.by}" if state.seconds is not None else ""
        app.screen.say(f"rollback ready: {state.version}{when}: {_spelled(app, plan, state.version)}")
    elif state.problem:
        app.screen.warn(f"no rollback ready: {state.problem}")
        app.screen.say(f"  {state.remedy}")
    else:
        app.screen.say(f"no rollback ready: no other version was healthy on {plan.environment}")
    return state


def _spelled(app: App, plan: Plan, version: str) -> str:
    """Spell the rollback, with the environment only if it is needed."""
    parsed = ArtifactId(version).version
    own = parsed is not None and app.settings.suffix(plan.environment) == parsed.suffix
    return commands.rollback(version, "" if own else plan.environment)
