"""Functions of Lambda, each behind an alias: a unit is a function, and what its alias names is what it serves.

Nothing acts on AWS but the process that carries a change out: if that dies, what it began is found on the aliases, and
nothing goes on by itself. So no operation is ever running, and a lease that has expired can be taken over at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from tagship.adapters.targets import Context
from tagship.adapters.targets.lambda_.artifact import Artifact
from tagship.adapters.targets.lambda_.asking import LOOKS, Asking, Query
from tagship.adapters.targets.lambda_.bare import served
from tagship.adapters.targets.lambda_.calls import Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.claims import Claims, serving
from tagship.adapters.targets.lambda_.described import Alias
from tagship.adapters.targets.lambda_.environment import FunctionUnits
from tagship.adapters.targets.lambda_.events import events
from tagship.adapters.targets.lambda_.gradual import Gradual
from tagship.adapters.targets.lambda_.switch import Switch
from tagship.adapters.targets.lambda_.together import at_once, together
from tagship.adapters.targets.lambda_.versions import Maker
from tagship.adapters.targets.lambda_.watching import Watching
from tagship.domain.change import Change
from tagship.domain.deployment import begun
from tagship.domain.lambda_.record import BEGUN, ENDED, Record
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick
from tagship.settings.lambda_ import Lambda

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class LambdaTarget(FunctionUnits):
    """The functions of an environment.

    After a start, `_aliases` are as it left them, and `_refused` has a report of each function that it left alone.
    """

    _aliases: dict[str, Alias] = field(default_factory=dict)
    _refused: dict[str, Report] = field(default_factory=dict)

    # -- asking --------------------------------------------------------------------------------------------------------

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Read what each alias names, and ask that version."""
        asking = self._asking()
        reports = together(
            self._all_calls(units),
            lambda calls: self._observed(calls, asking),
            tick=tick,
            doing="asking",
            stop=asking.stop,
        )
        return [reports[unit.id] for unit in units]

    def _observed(self, calls: Calls, asking: Asking) -> Report:
        try:
            alias = calls.alias()
            artifact = serving(calls, alias)
        except Missing:
            return Report(calls.function, "empty", reason=f"it has no alias {self.table.alias}")
        except ServiceFailed as reason:
            return Report(calls.function, "silent", reason=reason.what.rstrip("."))
        if not artifact:
            return Report(calls.function, "empty")
        if alias.weights:
            shares = ", ".join(f"{share:.0%} to version {number}" for number, share in alias.weights.items())
            return Report(calls.function, "failed", serving=artifact, reason=f"its alias sends {shares}")
        question = Query(calls, self.table.functions[calls.function], calls.name, alias.version, artifact)
        answered = asking.ask(question, LOOKS, 1)
        outcome = "healthy" if answered.verdict.healthy else "failed"
        return Report(calls.function, outcome, serving=artifact, reason=answered.verdict.reason, evidence=answered.log)

    # -- changing ------------------------------------------------------------------------------------------------------

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Write the record on each alias; go back if possible."""
        self._aliases, self._refused = {}, {}
        claims, problems = Claims(change, self._maker(change, self._asking())), list[ServiceFailed]()

        def claimed(calls: Calls) -> Alias | Report:
            try:
                return claims.claimed(calls)
            except ServiceFailed as reason:
                problems.append(reason)
                return Report(calls.function, "silent", reason=reason.what.rstrip("."))

        results = at_once(self._all_calls(units), claimed, "claiming")
        self._aliases = {name: result for name, result in results.items() if isinstance(result, Alias)}
        self._refused = {name: result for name, result in results.items() if isinstance(result, Report)}
        if problems and not self._aliases:
            raise problems[0]
        return [operation(name, alias.record) for name, alias in self._aliases.items() if alias.record]

    def finish(
        self,
        operations: Sequence[Operation],  # noqa: ARG002 (the records on the aliases have them)
        change: Change,
        units: Sequence[Unit],
        tick: Tick,
    ) -> Sequence[Report]:
        """Make the versions, ask them, move the aliases, ask the functions."""
        aliases, refused = self._aliases, self._refused
        self._aliases, asking = {}, self._asking()
        held = [report for name, report in refused.items() if name in {unit.id for unit in units}]
        functions = {
            unit.id: (self._calls(unit.id), self.table.functions[unit.id]) for unit in units if unit.id not in refused
        }
        switch = self._switch()(
            change=change,
            maker=self._maker(change, asking),
            asking=asking,
            tick=tick,
            functions=functions,
            held=held,
            aliases=aliases,
        )
        reports = {**refused, **switch.carried()}
        return [reports[unit.id] for unit in units]

    def _switch(self) -> Callable[..., Switch]:
        """Choose how callers are led over: at once, or by steps."""
        if not self.table.steps:
            return Switch
        watching = Watching(self.context.aws, self.table.alarms, self.table.errors)
        return partial(Gradual, steps=self.table.steps, watching=watching, now=self.context.clock.now)

    def _asking(self) -> Asking:
        health = self.context.settings.environment(self.environment).health
        return Asking(health, self.context.clock.sleep, events(self.table.functions, self.context.root))

    def _maker(self, change: Change, asking: Asking) -> Maker:
        artifact = Artifact(self.context.store, change, self.context.settings.images_in, self.known_outputs)
        now = self.context.clock.now
        return Maker(self.table.timeout, asking.wait, now, artifact=artifact, bucket=self.context.settings.aws.bucket)

    def version_of(self, change: Change, name: str, tick: Tick) -> str:
        """Make a function's version beside what serves; return its number."""
        if name not in self.table.functions:
            return ""
        if not self.table.alias:
            return _unversioned(self._calls(name), change)
        asking = self._asking()
        maker, calls = self._maker(change, asking), {name: self._calls(name)}
        try:
            made = together(
                calls,
                lambda called: maker.made(called, self.table.functions[name]),
                tick=tick,
                doing="making the version",
                stop=asking.stop,
            )
        except (UnfitFunction, Missing) as reason:
            raise ServiceFailed(f"{name}: {reason}.", remedy="Mend that, then run the same command again") from reason
        return made[name]

    # -- what was started ----------------------------------------------------------------------------------------------

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Find a deployment's records on the aliases."""
        if begun(deployment_id) < since.replace(microsecond=0):
            return []
        records = at_once({name: name for name in self.table.functions}, self._record, "reading the aliases")
        return [
            operation(name, record) for name, record in records.items() if record and record.deployment == deployment_id
        ]

    def _record(self, name: str) -> Record | None:
        try:
            return self._calls(name).alias().record
        except Missing:
            return None

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Note on each alias that the change has ended."""
        # One that has moved its alias is over.
        for operation in operations:
            for name in operation.units:
                self._cancel(self._calls(name), operation.id)

    def _cancel(self, calls: Calls, operation_id: str) -> None:
        try:
            alias = calls.alias()
            record = alias.record
            if record and record.state == BEGUN and operation(calls.function, record).id == operation_id:
                calls.note(alias, replace(record, state=ENDED))
        except (Missing, Raced):
            return  # it is another's by now

    # -- what comes up by itself ---------------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        """Do nothing: an alias decides what starts from now on."""

    def uncommitted(self, artifact_id: str) -> str:  # noqa: ARG002 (an alias has no pointer beside it)
        return ""

    def files(self) -> Mapping[str, bytes]:
        """Write the variables, which are taken from each artifact's own bundle."""
        settings = self.context.settings
        return self.table.files(self.environment, settings.environment(self.environment), settings.aws.region)

    def required(self) -> Sequence[str]:
        return ()


def _unversioned(calls: Calls, change: Change) -> str:
    """Choose what a hook invokes of a function without an alias: itself."""
    if served(calls, calls.whole()).artifact == change.artifact_id:
        return ""
    raise ServiceFailed(
        f"{calls.function} has no alias, so {change.artifact_id} of it can't run before it serves.",
        remedy="Give the functions an alias, or have the hook call another function: hooks.before_switch.function",
    )


def operation(name: str, record: Record) -> Operation:
    id_ = f"{record.deployment}/{record.action}/{record.artifact}/{name}"
    words = f"{record.action} of {name} to {record.artifact}"
    return Operation(id_, words, record.action, record.artifact, (name,), running=False)


def connect(context: Context, environment: str) -> LambdaTarget:
    """Connect to the functions of one environment of the settings."""
    from tagship.adapters.targets.lambda_.bare_target import BareTarget

    table = context.settings.environment(environment).runs_on(Lambda)
    if table is None:
        raise TypeError(f"{environment} has no lambda table: the settings refuse that")
    return (LambdaTarget if table.alias else BareTarget)(context, environment, table)
