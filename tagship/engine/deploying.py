"""A deployment as deploy and promote ask for it: its gates, its plan, and whether there is nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.manifest import Manifest
from tagship.domain.plan import Plan
from tagship.domain.plan import named as names_of
from tagship.domain.standing import Bad
from tagship.domain.text import counted, listed
from tagship.domain.units import Report
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine import static_sets
from tagship.engine.artifacts import Stored
from tagship.engine.gates import goes_back, require_good, require_newer, require_unfrozen, why_bad
from tagship.engine.lease_session import observe
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import facts, plan_of, reachable
from tagship.engine.previews import preview_number, require_open
from tagship.engine.promotion import require_promoted
from tagship.engine.readiness import require_ready, said_ready
from tagship.engine.run import Request, Result, run_deployment
from tagship.engine.scans import require_scanned
from tagship.engine.scope import skipped
from tagship.engine.unpublished import deployable
from tagship.ports.app import App


@dataclass(frozen=True, kw_only=True)
class DeployRequest(Request):
    """An environment is to run an artifact that is published for it."""

    artifact_id: ArtifactId
    skip: str = ""  # units, by name or id, between commas
    allow_older: bool = False
    allow_bad: bool = False

    def plan(self, app: App) -> Plan:
        require_unfrozen(app, self.environment)
        stored = self.stored(app)
        self._check_promoted(app, stored.manifest)
        known = facts(app, self.environment)
        judged = (self.artifact_id, stored.manifest.build_time, known.serving)
        if not self.allow_older and not preview_number(app, self.environment):
            # A pull request's branch may be pushed anew, to an older commit: what is at its head counts; see `check`.
            require_newer(app, self.environment, *judged, again=self.spelled(older=True))
        bad = self._marked(app, known.history)
        units = app.target(self.environment).units()
        left = skipped(units, self.skip, self.environment)
        taken = reachable(
            app,
            self.environment,
            of=[unit for unit in units if unit not in left],
            around=lambda away: self.spelled(names_of([*left, *away], units)),
        )
        require_clear(app, self.environment, "deploy", stored, taken)
        require_scanned(app, self.environment, stored.manifest)
        backward = self.allow_older and goes_back(app, self.environment, *judged)
        plan = plan_of(app, known, "deploy", stored, taken, skipped=left, backward=backward)
        return require_ready(app, replace(plan, bad=bad), known)

    def check(self, app: App) -> None:
        if preview_number(app, self.environment):
            require_open(app, self.environment, "" if self.allow_older else self.stored(app).manifest.commit)

    def stored(self, app: App) -> Stored:
        """Read the artifact, and verify it."""
        return deployable(app, self.environment, self.artifact_id)

    def _check_promoted(self, app: App, manifest: Manifest) -> None:
        """Ask of a promoted version what its promotion had to ask."""
        if manifest.promoted:
            require_promoted(app, self.artifact_id, manifest.promoted, self.spelled(), allow_bad=self.allow_bad)

    def spelled(self, skip: str = "", *, older: bool = False) -> str:
        """Spell this deployment, with more units left out or an older version."""
        return commands.deploy(
            self.artifact_id,
            self.environment,
            skip=skip or self.skip,
            allow_bad=self.allow_bad,
            allow_older=self.allow_older or older,
        )

    def _marked(self, app: App, history: Sequence[Deployment]) -> Bad | None:
        """Refuse a version that somebody went back from, or marked bad.

        One that only failed goes on: the cause may have lain outside, and trying again puts itself back.
        """
        bad = why_bad(app, self.environment, self.artifact_id, history)
        if bad and bad.by_hand and not self.allow_bad:
            require_good(self.environment, self.artifact_id, bad, self.spelled())
        return bad

    def already_done(self, app: App, plan: Plan) -> Result | None:
        """Return the result if the artifact runs already.

        The ledger and every unit's own word say so: only that question is sent.
        Whatever there is to mend (a unit, the ledger's last state, what was committed) is mended by deploying it.
        """
        last = plan.serves
        if plan.replaces != plan.artifact_id or not plan.settled or last is None or last.state != "healthy":
            return None
        if not all(unit.online for unit in plan.units):
            return None
        if app.target(plan.environment).uncommitted(plan.artifact_id):
            return None
        if static_sets.drifts(app, plan.environment, plan.artifact_id):
            return None
        reports = _observed(app, plan)
        if not all(serves(report, plan.artifact_id) for report in reports):
            return None
        but = f" but {listed([unit.name for unit in plan.skipped])} (skipped)" if plan.skipped else ""
        app.screen.say(f"{plan.label} is running on {plan.environment} already: every {plan.noun}{but} confirms it")
        return Result(plan, "unchanged", last.id, reports)


def carry_out(app: App, request: DeployRequest, plan: Plan) -> Result:
    """Carry a plan out, unless every unit runs the artifact already."""
    done = None if _is_held(app, plan) else request.already_done(app, plan)
    if done:
        return done
    result = run_deployment(app, request, plan)
    return replace(result, back=said_ready(app, result.plan))


def _is_held(app: App, plan: Plan) -> bool:
    """Tell whether somebody changes the environment at this moment.

    If so, what its units say now may not be so for long.
    """
    seen = app.leases.look(plan.environment)
    return bool(seen and seen.record.holder)


def _observed(app: App, plan: Plan) -> list[Report]:
    with app.screen.live(f"asking {counted(len(plan.units), plan.noun)} what they run") as phase:
        return observe(app, plan.environment, plan.units, phase)
