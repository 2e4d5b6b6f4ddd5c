"""The contract of targets can fail: each promise is broken by a target that is made to, and its test sees it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from tagship.domain.change import Change
from tagship.domain.units import Operation, Report, Unit
from tagship.ports.target import Tick
from tests.contract import test_target as contract
from tests.contract.stands import Stand
from tests.fakes.target import FakeTarget, Machine, machine


@dataclass
class Heedless(Machine):
    """It forgets the fencing numbers that it has accepted."""

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        self.fence = 0
        return super().obey(change, fails=fails)


@dataclass
class Eager(Machine):
    """It changes over to what it serves already, and says so."""

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        report = super().obey(change, fails=fails)
        return replace(report, outcome="healthy") if report.outcome == "unchanged" else report


@dataclass
class Trusting(Machine):
    """It believes that a version is healthy which never answered as itself."""

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        return super().obey(change)


@dataclass
class Stuck(Machine):
    """It stays on the version that failed, and says that it went back."""

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        report = super().obey(change, fails=fails)
        self.serving = change.artifact_id if fails else self.serving
        return report


@dataclass
class Blaming(Machine):
    """It calls a version that was overtaken a failure."""

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        report = super().obey(change, fails=fails)
        return replace(report, outcome="failed") if change.artifact_id.startswith("slow") else report


class Forgetful(FakeTarget):
    """What it started is known to nobody else."""

    def operations(self, deployment_id: str, since: object) -> Sequence[Operation]:
        return []


class Fickle(FakeTarget):
    """A finish that is repeated says something else."""

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        reports = super().finish(operations, change, units, tick)
        self._reports.update({key: [gone(report) for report in value] for key, value in self._reports.items()})
        return reports


def gone(report: Report) -> Report:
    return Report(report.unit, "silent", reason="it is gone")


def stand(kind: type[Machine] = Machine, target: type[FakeTarget] = FakeTarget) -> Stand:
    machines = [kind(machine(name).unit) for name in ("web-1", "web-2")]
    made, numbers = target(machines), itertools.count(1)

    def make(fault: str) -> tuple[str, str]:
        artifact = f"{fault}0.1.{next(numbers)}-dev"
        made.faults[artifact] = fault
        return artifact, "0" * 64

    return Stand(lambda: replace(made), make, lambda: list(made.serving.values()), "hello", "dev")


BREACHES: list[tuple[Callable[..., None], Stand]] = [
    (contract.test_1_a_lower_fencing_number_than_one_accepted_changes_nothing, stand(Heedless)),
    (contract.test_2_what_serves_already_is_unchanged, stand(Eager)),
    (lambda it: contract.test_3_and_4_what_does_not_answer_as_that_artifact_is_not_healthy_and_the_one_before_serves(
        it, "impostor"), stand(Trusting)),
    (lambda it: contract.test_3_and_4_what_does_not_answer_as_that_artifact_is_not_healthy_and_the_one_before_serves(
        it, "error"), stand(Stuck)),
    (contract.test_5_a_change_that_is_started_twice_is_made_once, stand(Eager)),
    (contract.test_5_a_finish_that_is_repeated_says_the_same, stand(target=Fickle)),
    (contract.test_5_another_process_finds_what_was_started_and_finishes_it, stand(target=Forgetful)),
    (contract.test_6_what_is_overtaken_is_not_called_a_failure_of_its_version, stand(Blaming)),
]  # fmt: skip
NAMES = ["fence", "unchanged", "impostor", "not put back", "started twice", "finished twice", "not found", "overtaken"]


@pytest.mark.parametrize(("promise", "place"), BREACHES, ids=NAMES)
def test_a_target_that_breaks_a_promise_is_found_out(promise: Callable[[Stand], None], place: Stand) -> None:
    with pytest.raises(AssertionError):
        promise(place)


@pytest.mark.parametrize(("promise", "place"), BREACHES, ids=NAMES)
def test_the_fake_itself_keeps_it(promise: Callable[[Stand], None], place: Stand) -> None:
    promise(stand())
