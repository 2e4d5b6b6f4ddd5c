"""Two regions, one environment: waves in order, the artifact everywhere first, and a region that is lost is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.adapters.targets.regions import Region, Regions
from tagship.adapters.targets.regions_more import several
from tagship.domain.change import Change
from tagship.domain.units import Unit
from tagship.errors import DeployFailed, Incomplete, NotAuthentic, RollbackFailed, ServiceFailed, TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
HOME, FAR = "us-east-1", "eu-west-1"
LOST = f"AWS cannot be reached at {FAR}"


class LosableTarget(FakeTarget):
    """Hosts of a region; after `lose`, the calls that it names fail as if the region were gone."""

    lost: Sequence[str] = ()

    def _reach(self, call: str) -> None:
        if call in self.lost:
            raise ServiceFailed(f"{LOST} ({call}).", remedy="Try it: curl -sS https://sts.eu-west-1.amazonaws.com")

    def units(self) -> Any:
        self._reach("units")
        return super().units()

    def observe(self, units: Any, tick: Any) -> Any:
        self._reach("observe")
        return super().observe(units, tick)

    def start(self, change: Change, units: Any) -> Any:
        self._reach("start")
        return super().start(change, units)

    def finish(self, operations: Any, change: Change, units: Any, tick: Any) -> Any:
        self._reach("finish")
        return super().finish(operations, change, units, tick)


ALL = ("units", "observe", "start", "finish")


@dataclass
class RegionsApp(FakeApp):
    """dev in two regions; `story` has what happened, in its order: who was carried to, and who was changed."""

    home: FakeTarget = field(default_factory=lambda: FakeTarget([machine("web-1"), machine("web-2")]))
    far: LosableTarget = field(default_factory=lambda: LosableTarget([machine("web-1"), machine("web-2")]))
    story: list[str] = field(default_factory=list)
    carry: Callable[[Change], None] = lambda _: None
    between: int = 0
    listed: dict[str, list[Unit]] = field(default_factory=lambda: {HOME: [], FAR: []})

    def target(self, environment: str) -> Regions:  # type: ignore[override]
        rules = self.settings.environment(environment).target.rules
        for name, target in ((HOME, self.home), (FAR, self.far)):
            target.rules = rules
            target.asking = self._noting(name)
        home = Region(HOME, self.home, listed=self.listed[HOME])
        return several([home, Region(FAR, self.far, self._carried, self.listed[FAR])], self.between)

    def _carried(self, change: Change) -> None:
        self.story.append(f"carry {change.artifact_id}")
        self.carry(change)

    def _noting(self, name: str) -> Callable[[Change], None]:
        def note(change: Change) -> None:
            if change.action != "status":
                self.story.append(f"{change.action} {change.artifact_id} in {name}")

        return note

    @property
    def serving(self) -> list[str]:
        return [version for target in (self.home, self.far) for version in target.serving.values()]


def running_old(between: int = 0, **rollout: Any) -> RegionsApp:
    app = RegionsApp(settings=settings(environments=environments(ec2={"rollout": rollout})))
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    assert app.serving == [OLD] * 4
    app.story.clear()
    app.screen.lines.clear()
    app.between = between
    return app


def test_regions_are_changed_in_order_and_have_the_artifact_before_the_first_is() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    assert app.story == [f"carry {NEW}", f"deploy {NEW} in {HOME}", f"deploy {NEW} in {FAR}"]
    assert app.serving == [NEW] * 4
    assert [names for _, names in app.home.asked if names][-1] == ["web-1", "web-2"]


def test_an_artifact_that_does_not_arrive_in_a_region_changes_nothing_anywhere() -> None:
    app = running_old()

    def refuse(_: Change) -> None:
        raise NotAuthentic("s3://hello-eu-west-1/a has other bytes.", remedy="Ship the next version")

    app.carry = refuse
    with pytest.raises(TagshipError) as raised:
        deploy(app, artifact=NEW)
    assert f"{FAR}: s3://hello-eu-west-1/a has other bytes" in raised.value.what
    assert app.serving == [OLD] * 4
    assert app.story == [f"carry {NEW}"]


def test_a_version_that_fails_in_the_first_region_never_reaches_the_second() -> None:
    app = running_old()
    app.home.faults[NEW] = "error"
    with pytest.raises(DeployFailed, match=rf"{HOME}/web-1"):
        deploy(app, artifact=NEW)
    assert not [line for line in app.story if line.endswith(f"in {FAR}")]
    assert app.serving == [OLD] * 4


def test_a_version_that_fails_in_the_second_region_is_put_back_in_reverse() -> None:
    app = running_old(max_concurrency="100%")
    [first, second] = app.far.machines
    first.answers.append("healthy")
    second.answers.append("failed")
    with pytest.raises(DeployFailed, match=rf"{FAR}/web-2"):
        deploy(app, artifact=NEW)
    changes = [line for line in app.story if not line.startswith("carry")]
    assert changes == [
        f"deploy {NEW} in {HOME}",
        f"deploy {NEW} in {FAR}",
        f"rollback {OLD} in {FAR}",
        f"rollback {OLD} in {HOME}",
    ]
    assert app.serving == [OLD] * 4


def test_a_batch_never_has_units_of_two_regions() -> None:
    app = running_old(max_concurrency="100%")
    deploy(app, artifact=NEW)
    rollback(app, to=OLD, env="dev")
    for target in (app.home, app.far):
        assert all(len(names) <= 2 for _, names in target.asked)
    changes = [line for line in app.story if not line.startswith("carry")]
    assert changes[-2:] == [f"rollback {OLD} in {HOME}", f"rollback {OLD} in {FAR}"]


def test_the_first_region_is_left_to_serve_before_the_second_begins() -> None:
    app = running_old(between=120)
    began = app.clock.now()
    deploy(app, artifact=NEW)
    assert (app.clock.now() - began).total_seconds() >= 120
    assert any(f"watching {HOME} until" in line for line in app.screen.lines)


def test_what_stops_serving_meanwhile_stops_the_second_region() -> None:
    app = running_old(between=120)
    sleep = app.clock.sleep

    def fall(seconds: float) -> None:
        app.home.machines[0].observed_as = "failed"
        sleep(seconds)

    app.clock.sleep = fall  # type: ignore[method-assign]
    with pytest.raises(TagshipError):
        deploy(app, artifact=NEW)
    assert f"deploy {NEW} in {FAR}" not in app.story
    assert app.far.serving == {"web-1": OLD, "web-2": OLD}


# -- a region is lost --------------------------------------------------------------------------------------------------


def lost_in_the_middle(app: RegionsApp, *calls: str) -> None:
    """The second region is lost when the first one is changed."""

    def during(change: Change) -> None:
        if change.action == "deploy":
            app.far.lost = calls

    app.home.during = during


def found_again(app: RegionsApp) -> None:
    app.home.during = lambda _: None
    app.far.lost = ()


@pytest.mark.parametrize("calls", [ALL, ("units", "start"), ("start",)], ids="+".join)
def test_a_region_lost_before_its_turn_is_named_and_the_others_are_put_back(calls: tuple[str, ...]) -> None:
    app = running_old()
    lost_in_the_middle(app, *calls)
    with pytest.raises(DeployFailed) as raised:
        deploy(app, artifact=NEW)
    assert FAR in str(raised.value)
    assert list(app.home.serving.values()) == [OLD] * 2
    assert list(app.far.serving.values()) == [OLD] * 2
    found_again(app)
    deploy(app, artifact=NEW)
    assert app.serving == [NEW] * 4


def test_a_region_lost_while_its_units_act_is_named_and_never_called_healthy() -> None:
    """What came of its units nobody has seen, so nothing is said of them, and nobody is said to be as before."""
    app = running_old()
    lost_in_the_middle(app, "finish", "observe")
    with pytest.raises(RollbackFailed) as raised:
        deploy(app, artifact=NEW)
    assert FAR in str(raised.value)
    assert list(app.home.serving.values()) == [OLD] * 2
    found_again(app)
    heal(app, env="dev")
    assert app.serving == [OLD] * 4


def test_with_errors_allowed_the_lost_region_lags_and_heal_brings_it_forward() -> None:
    app = running_old(max_errors=2)
    lost_in_the_middle(app, *ALL)
    with pytest.raises(Incomplete) as raised:
        deploy(app, artifact=NEW)
    assert f"{FAR}/web-1" in str(raised.value)
    assert list(app.home.serving.values()) == [NEW] * 2
    found_again(app)
    heal(app, env="dev")
    assert app.serving == [NEW] * 4


def test_a_region_that_was_lost_before_is_named_before_anything_is_changed() -> None:
    app = running_old()
    app.far.lost = ALL
    with pytest.raises(TagshipError) as raised:
        deploy(app, artifact=NEW)
    assert FAR in raised.value.what + raised.value.evidence + raised.value.state
    assert app.story == []
    assert app.serving == [OLD] * 4


def test_status_names_the_region_of_each_unit_and_one_that_is_lost() -> None:
    app = running_old()
    [current] = status(app, env="dev")  # type: ignore[misc]
    names = [unit.name for unit in current.units]  # type: ignore[union-attr]
    assert names == [f"{HOME}/web-1", f"{HOME}/web-2", f"{FAR}/web-1", f"{FAR}/web-2"]
    app.far.lost = ALL
    [current] = status(app, env="dev")  # type: ignore[misc]
    lost = [unit for unit in current.units if unit.drift]  # type: ignore[union-attr]
    assert [unit.name for unit in lost] == [f"{FAR}/web-1", f"{FAR}/web-2"]
    assert all(LOST in unit.drift for unit in lost)


def test_a_process_that_never_saw_its_units_names_the_region_and_calls_none_of_them_gone() -> None:
    app = running_old()
    app.far.lost = ALL
    app.listed[FAR].clear()
    [current] = status(app, env="dev")  # type: ignore[misc]
    [lost] = [unit for unit in current.units if unit.drift]  # type: ignore[union-attr]
    assert lost.name == f"{FAR}/*"
    assert LOST in lost.drift
    assert not current.gone  # type: ignore[union-attr]


def test_a_lost_region_is_skipped_by_its_name_and_healed_later() -> None:
    app = running_old()
    app.far.lost = ALL
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW, skip=FAR)
    assert list(app.home.serving.values()) == [NEW] * 2
    assert list(app.far.serving.values()) == [OLD] * 2
    found_again(app)
    heal(app, env="dev")
    assert app.serving == [NEW] * 4
