"""[hooks.<place>]: a team's own work before and after the switch, for every environment or for one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from tagship.settings.section import Finding, Section, Text, Values, cut, number, table

FUNCTION = r"^([A-Za-z0-9_:-]{1,170})?$"
BEFORE = "before_switch"
PlaceOfHook = Literal["before_switch", "after_switch", "tests"]
SHOWN = 40  # characters of a command
LONGEST = 900  # seconds that an invocation may take: Lambda's own limit


class HookTable(Section):
    """One hook: a command on the runner, or a function.

    `payload` is the invocation's event; `{version}` and the like in its texts are filled in.
    """

    words: ClassVar[Mapping[str, str]] = {FUNCTION: "a function's name, with :alias or :version if need be"}

    command: tuple[Text, ...] = ()  # run in the repository's top, by no shell
    function: str = Field(default="", pattern=FUNCTION)
    payload: str = "{}"  # JSON
    attempts: int = Field(default=1, ge=1, le=10)  # more than one: it is safe to run it again
    timeout: int = Field(default=600, ge=1, le=21_600)  # seconds, each attempt
    skip: bool = False  # of an environment: it has no such hook
    reversible: bool = True  # of before_switch; false: a rollback across it has to be asked for
    on_failure: Literal["put back", "keep"] = "put back"  # of after_switch and tests

    @property
    def work(self) -> str:
        """Say what it runs."""
        return f"function {self.function}" if self.function else cut(shlex.join(self.command), SHOWN)

    @property
    def irreversible(self) -> bool:
        """Tell whether what it does can't be undone."""
        return not self.reversible

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        chosen = [key for key in ("command", "function") if values.get(key)]
        if values.get("skip") is not True and not chosen:
            yield "", "runs nothing: give its command, or the function that is invoked"
        if len(chosen) > 1:
            yield "function", "and command are both given, and a hook runs one: take one of them out"
        if "payload" in values and "function" not in values:
            yield "payload", "is the event of an invocation, and no function is given"
        if values.get("function") and number(values, "timeout", cls) > LONGEST:
            yield "timeout", f"is longer than the {LONGEST} s that a function may run"
        try:
            json.loads(values["payload"]) if isinstance(values.get("payload"), str) else None
        except ValueError:
            yield "payload", "is not JSON: give the event that the function is invoked with"


def misplaced(values: Values, above: str = "") -> Iterator[Finding]:
    """Find keys of hooks that are for another place."""
    for place, hook in table(values, "hooks").items():
        if isinstance(hook, Mapping):
            if "reversible" in hook and place != BEFORE:
                yield f"{above}hooks.{place}.reversible", "is for the hook before_switch: migrations"
            if "on_failure" in hook and place == BEFORE:
                yield f"{above}hooks.{place}.on_failure", "is for hooks after the switch: this one stops it"
            if "skip" in hook and not above:
                yield f"hooks.{place}.skip", "is for one environment: remove the hook instead"
