"""Functions that callers reach without an alias: it serves what its code and variables are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.adapters.targets.lambda_.asking import LOOKS, Asking, Query
from tagship.adapters.targets.lambda_.bare import MIXED, BareClaims, served
from tagship.adapters.targets.lambda_.calls import LATEST, Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.code import Code, code_of
from tagship.adapters.targets.lambda_.in_place import InPlace
from tagship.adapters.targets.lambda_.target import LambdaTarget, operation
from tagship.adapters.targets.lambda_.together import at_once
from tagship.adapters.targets.lambda_.versions import Settling
from tagship.domain.change import Change
from tagship.domain.lambda_.record import BEGUN, ENDED, Record
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick
from tagship.settings.lambda_ import Function


@dataclass
class BareTarget(LambdaTarget):
    """The functions of an environment whose callers use no alias."""

    def _observed(self, calls: Calls, asking: Asking) -> Report:
        try:
            now = calls.whole()
            serving = served(calls, now)
        except Missing:
            return Report(calls.function, "empty", reason="there is no such function")
        except ServiceFailed as reason:
            return Report(calls.function, "silent", reason=reason.what.rstrip("."))
        if serving.mixed:
            return Report(calls.function, "failed", reason=MIXED)
        if not serving.artifact:
            return Report(calls.function, "empty")
        question = Query(calls, self.table.functions[calls.function], LATEST, LATEST, serving.artifact)
        answered = asking.ask(question, LOOKS, 1)
        outcome = "healthy" if answered.verdict.healthy else "failed"
        return Report(
            calls.function, outcome, serving=serving.artifact, reason=answered.verdict.reason, evidence=answered.log
        )

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Write the record on each function."""
        self._refused = {}
        maker = self._maker(change, self._asking())

        def code(function: Function) -> Code:
            return code_of(maker.artifact, maker.bucket, function)

        claims, problems = BareClaims(change, maker, code), list[ServiceFailed]()

        def claimed(calls: Calls) -> Record | Report:
            try:
                return claims.claimed(calls, self.table.functions[calls.function])
            except ServiceFailed as reason:
                problems.append(reason)
                return Report(calls.function, "silent", reason=reason.what.rstrip("."))

        results = at_once(self._all_calls(units), claimed, "claiming")
        self._refused = {name: result for name, result in results.items() if isinstance(result, Report)}
        if problems and len(self._refused) == len(results):
            raise problems[0]
        return [operation(name, record) for name, record in results.items() if isinstance(record, Record)]

    def finish(
        self,
        operations: Sequence[Operation],  # noqa: ARG002 (the records on the functions have them)
        change: Change,
        units: Sequence[Unit],
        tick: Tick,
    ) -> Sequence[Report]:
        """Update the functions and ask them; put them back if they fail."""
        refused, asking = self._refused, self._asking()
        change_ = InPlace(
            change=change,
            maker=self._maker(change, asking),
            asking=asking,
            tick=tick,
            functions={unit.id: self._of(unit.id) for unit in units if unit.id not in refused},
            held=[report for name, report in refused.items() if name in {unit.id for unit in units}],
        )
        reports = {**refused, **change_.carried()}
        return [reports[unit.id] for unit in units]

    def _of(self, name: str) -> tuple[Calls, Function]:
        return self._calls(name), self.table.functions[name]

    def _record(self, name: str) -> Record | None:
        try:
            return self._calls(name).configuration().record
        except Missing:
            return None

    def _cancel(self, calls: Calls, operation_id: str) -> None:
        try:
            now = self._settling.settled(calls)
            record = now.record
            if record and record.state == BEGUN and operation(calls.function, record).id == operation_id:
                calls.describe(replace(record, state=ENDED), now.revision)
        except (Missing, Raced, UnfitFunction):
            return  # it is another's by now, or does not settle

    @property
    def _settling(self) -> Settling:
        return Settling(self.table.timeout, self._asking().wait, self.context.clock.now)
