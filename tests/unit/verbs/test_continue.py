"""continue, and a rollback instead: what a person decides of a deployment that waits, and what Ctrl-C asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tagship.domain.change import Change
from tagship.domain.pause import Pause
from tagship.domain.units import Operation, Report, Unit
from tagship.engine import stopping
from tagship.errors import Held, Interrupted, Refused, UsageError
from tagship.ports.target import Tick
from tagship.verbs.continue_ import continue_
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.prompt import CTRL_C, FakePrompt
from tests.fakes.target import FakeTarget

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
PAUSE = Pause("web-1", "operation-1", "hook-1", "post scale up", "2026-11-29 12:00 UTC", "ROLLBACK")


@dataclass
class Waiting(FakeTarget):
    """Units that wait where `waits` says; what was decided is in `decided`."""

    waits: list[Pause] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    interrupts: int = 0

    def pauses(self, deployment_id: str) -> Sequence[Pause]:
        return list(self.waits)

    def go_on(self, pause: Pause) -> None:
        if pause.id == "refused":
            raise Refused(f"{pause.unit} no longer waits there.", remedy="Look.")
        self.waits.remove(pause)
        self.decided.append(f"continue {pause.id}")

    def stop(self, operations: Sequence[Operation]) -> None:
        self.decided.append(f"stop {operations[0].id}")
        for number, report in enumerate(self._reports[operations[0].id]):
            before = self.machines[number]
            before.serving = report.previous
            gone = replace(report, outcome="rolled-back", serving=report.previous, reason="it was stopped")
            self._reports[operations[0].id][number] = gone

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return super().finish(operations, change, units, tick)


def running(*answers: object, **target: Any) -> FakeApp:
    """OLD serves; NEW is published."""
    app = FakeApp(hosts=Waiting(**target), prompt=FakePrompt(*answers, possible=bool(answers)))
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    return app


def deploying(app: FakeApp, meanwhile: Callable[[FakeApp], None]) -> None:
    """Deploy NEW; somebody else acts while it waits at its pause."""
    target: Any = app.hosts
    done: list[bool] = []

    def during(change: Change) -> None:
        if change.artifact_id == NEW and not done:
            done.append(True)
            target.waits = [PAUSE]
            meanwhile(replace(app, who="grace@desk", screen=app.screen))

    target.during = during
    deploy(app, artifact=NEW)


def test_a_deployment_that_waits_goes_on_and_the_ledger_has_who_said_so() -> None:
    app = running()
    deploying(app, lambda grace: continue_(grace, env="dev"))
    assert app.hosts.decided == ["continue hook-1"]  # type: ignore[attr-defined]
    [row] = [entry for entry in app.ledger.deployments("dev")[-1].entries if entry.details.get("continued")]
    assert (row.who, row.state, row.details["continued"][0]["stage"]) == ("grace@desk", "started", "post scale up")
    assert app.ledger.deployments("dev")[-1].state == "healthy"
    assert "web-1 is paused after post scale up until 2026-11-29 12:00 UTC, then: ROLLBACK" in app.screen.text
    assert "It goes on; ada@laptop follows it." in app.screen.text


def test_what_goes_on_already_is_said_if_the_next_does_not() -> None:
    app, states = running(), list[str]()

    def both(grace: FakeApp) -> None:
        app.hosts.waits.append(replace(PAUSE, unit="web-2", id="refused"))  # type: ignore[attr-defined]
        with pytest.raises(Refused) as caught:
            continue_(grace, env="dev")
        states.append(caught.value.state)

    deploying(app, both)
    assert states == ["Going on: web-1."]


def test_a_dry_run_decides_nothing() -> None:
    app = running()
    results: list[Any] = []
    deploying(app, lambda grace: results.append(continue_(grace, env="dev", dry_run=True)))
    assert app.hosts.decided == []  # type: ignore[attr-defined]
    assert results[0].as_data() == {
        "environment": "dev", "deployment": results[0].deployment, "units": ["web-1"], "done": False,
    }  # fmt: skip


def test_nothing_goes_on_if_nobody_waits_or_the_environment_is_free() -> None:
    app = running()
    with pytest.raises(Refused, match="No deployment of dev waits for a decision"):
        continue_(app, env="dev")
    refused: list[str] = []

    def ask(grace: FakeApp) -> None:
        grace.hosts.waits = []  # type: ignore[attr-defined]
        with pytest.raises(Refused) as caught:
            continue_(grace, env="dev")
        refused.append(caught.value.what)

    deploying(app, ask)
    assert refused == ["No deployment of dev waits for a decision."]


def test_a_kind_that_never_waits_says_so() -> None:
    with pytest.raises(UsageError, match="No deployment of dev waits for anybody"):
        continue_(FakeApp(), env="dev")


def test_a_lease_that_another_took_meanwhile_decides_nothing() -> None:
    app = running()

    def overtaken(grace: FakeApp) -> None:
        target: Any = grace.hosts
        pauses = target.pauses

        def taken(deployment_id: str) -> Sequence[Pause]:
            target.pauses = pauses
            grace.leases.break_("dev", deployment_id)
            return list(pauses(deployment_id))

        target.pauses = taken
        with pytest.raises(Held, match="no longer holds dev"):
            continue_(grace, env="dev")

    with pytest.raises(Held):
        deploying(app, overtaken)
    assert app.hosts.decided == []  # type: ignore[attr-defined]


def test_a_rollback_takes_a_deployment_that_waits_back_without_being_asked_to_fence_it_off() -> None:
    app = running()

    def back(grace: FakeApp) -> None:
        rollback(grace, to=OLD)

    with pytest.raises(Held):
        deploying(app, back)
    assert "then: ROLLBACK; this takes it back" in app.screen.text
    assert app.hosts.machines[0].serving == OLD
    assert [row.state for row in app.ledger.deployments("dev")][-1] == "healthy"


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


def test_ctrl_c_asks_and_a_deployment_that_is_stopped_is_followed_to_its_end() -> None:
    app = running(stopping.STOP)
    app.hosts.interrupts = 1  # type: ignore[attr-defined]
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == f"Interrupted: {NEW} was taken back from 1 of 1 host."
    assert caught.value.state == f"{OLD} is serving."
    assert app.hosts.machines[0].serving == OLD
    last = app.ledger.deployments("dev")[-1]
    assert (last.state, last.last.reason) == ("rolled-back", last.last.reason)
    seen = app.leases.look("dev")
    assert seen
    assert not seen.record.holder


@pytest.mark.parametrize("answers", [(stopping.LEAVE,), (CTRL_C,), ()], ids=["leave", "ctrl-c again", "no terminal"])
def test_ctrl_c_leaves_it_if_a_person_says_so_or_nobody_can_be_asked(answers: Any) -> None:
    app = running(*answers)
    app.hosts.interrupts = 1  # type: ignore[attr-defined]
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert app.hosts.decided == []  # type: ignore[attr-defined]
    assert "nobody waits for its end or records it" in caught.value.state
    assert "inv resume --env dev" in caught.value.remedy
