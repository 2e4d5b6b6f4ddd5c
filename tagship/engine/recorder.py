"""The entries of one deployment in the ledger, numbered as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from tagship.domain.absent import ABSENT
from tagship.domain.deployment import TESTED, Deployment, Entry, new_id
from tagship.domain.hook import HookRun
from tagship.domain.plan import Plan
from tagship.domain.units import Report
from tagship.engine.predecessor import Predecessor
from tagship.engine.unread import all_read, last_number
from tagship.errors import ServiceFailed
from tagship.ports.app import App


class Recorder:
    """Write the states of one deployment, one after another."""

    def __init__(self, app: App, plan: Plan, deployment_id: str, fence: int, number: int = 0) -> None:
        """Begin after `number`, that of the last entry.

        It is not 0 if a deployment goes on that another runner began.
        """
        self._app = app
        self._plan = plan
        self._id = deployment_id
        self._fence = fence
        self._number = number
        self._started = False
        self.state = "requested"  # the last that was written

    def add(
        self, state: str, *, reason: str = "", replaced: str = "", units: Sequence[Report] = (), **details: Any
    ) -> None:
        """Append an entry. `details` that say nothing are left out."""
        self._number, self.state = self._number + 1, state
        before = replaced or self._plan.replaces
        self._app.ledger.append(
            Entry(
                deployment_id=self._id,
                number=self._number,
                state=state,
                at=self._app.store.now().isoformat(timespec="milliseconds"),
                app=self._app.settings.app,
                environment=self._plan.environment,
                action=self._plan.action,
                artifact_id=self._plan.artifact_id,
                who=self._app.who,
                where=self._app.run_url,
                replaced=before if before != self._plan.artifact_id else "",
                fence=self._fence,
                reason=reason,
                details=_said({**details, **_of_plan(self._plan), **_of_units(self._plan, units)}),
                by=self._app.at(self._plan.environment).caller,
            )
        )

    def note_hook(self, run: HookRun) -> None:
        """Append how a hook stands; the deployment's state stays."""
        self.add(self.state, hook=dict(run.details))

    def started(self, operations: Sequence[str]) -> None:
        """Record once that units act, and by what operations.

        Whoever resumes this finds them by name.
        The units act already: a ledger that does not answer now is no reason to turn away from them.
        """
        if self._started:
            return
        self._started = True
        try:
            self.add("started", operations=list(operations))
        except ServiceFailed as reason:
            self._app.screen.warn(f"the ledger could not record that {self._id} has started: {reason.what}")


def abandon(app: App, dead: Deployment, over: str, fence: int, before: Predecessor | None = None) -> None:
    """Record that nobody will end a deployment any more.

    The deployment `over` has its environment now. `before` is whose lease that one took, and what was on its way is
    kept as evidence.
    Under the fencing number of that one: whatever the dead one writes from now on, should it live, is void. If some of
    its entries can't be read, this comes after them, and is void itself to whoever reads an end among them.
    """
    environment = dead.first.environment
    before = before if before and before.held(dead) else None
    app.ledger.append(
        replace(
            dead.last,
            number=last_number(app, environment, dead) + 1,
            state="abandoned",
            at=app.store.now().isoformat(timespec="milliseconds"),
            who=app.who,
            where=app.run_url,
            fence=fence,
            reason=_why(app, dead, over, forced=bool(before and before.forced)),
            details={"evidence": before.evidence} if before else {},
            by=app.at(environment).caller,
        )
    )


def _why(app: App, dead: Deployment, over: str, *, forced: bool) -> str:
    """Say why nobody will end a deployment."""
    if not all_read(app, dead.first.environment, dead):
        return f"its end can't be read before deployment {over}"
    if forced:
        return f"taken over by {app.who} (deployment {over}) with --preempt"
    return f"its runner died, and nobody resumed it before deployment {over}"


def tests_entry(app: App, environment: str, artifact_id: str, manifest_sha256: str) -> Entry:
    """Make the entry that says that a version passed its tests."""
    now = app.store.now()
    return Entry(
        deployment_id=new_id(now),
        number=1,
        state=TESTED,
        at=now.isoformat(timespec="milliseconds"),
        app=app.settings.app,
        environment=environment,
        action="test",
        artifact_id=str(artifact_id),
        who=app.who,
        where=app.run_url,
        details={"manifest_sha256": manifest_sha256},
        by=app.at(environment).caller,
    )


def _said(details: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing."""
    return {name: value for name, value in details.items() if value}


def _of_plan(plan: Plan) -> dict[str, Any]:
    """Return what each entry has of its deployment's plan."""
    return {
        "unsigned": plan.unsigned,
        "all_or_nothing": plan.all_or_nothing,
        "drill": plan.drill,
        "backward": plan.backward,
        "outputs": dict(plan.outputs),
        "skipped": [unit.id for unit in plan.skipped],
    }


def _of_units(plan: Plan, reports: Sequence[Report]) -> dict[str, Any]:
    """Return what an entry with units has of them, and their names."""
    if not reports:
        return {}
    return {
        "units": [_unit(report) for report in reports],
        "names": {unit.id: unit.name for unit in plan.everyone},
        ABSENT: {gone.unit: gone.name for gone in plan.gone},
    }


def _unit(report: Report) -> dict[str, Any]:
    """Convert a unit's verdict to what the ledger keeps.

    All of it but the evidence, which the deployment's entry has once, and what only doctor asks for.
    """
    return {
        name: value
        for name, value in asdict(report).items()
        if name not in {"evidence", "kept", "facts", "edited", "unseen"}
    }
