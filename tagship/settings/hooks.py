"""[hooks.<place>]: a team's own work before and after the switch, for every environment or for one."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from tagship.settings.section import Finding, Name, Section, Text, Values, cut, number, table

OF_HOOKS = "-hook"  # how the families end that tagship registers for hooks
FAMILY = r"^[A-Za-z0-9_-]{0,250}$"  # 255 with the ending that tagship gives its own
FUNCTION = r"^([A-Za-z0-9_:-]{1,170})?$"
BEFORE = "before_switch"
PlaceOfHook = Literal["before_switch", "after_switch", "tests"]
SHOWN = 40  # characters of a command
LONGEST = 900  # seconds that an invocation may take: Lambda's own limit


class TaskTable(Section):
    """A task of the artifact's own image, for a hook's command.

    Its task definition is the service's or the family's newest, with that image by digest; it starts where the service
    runs, or in these subnets.
    """

    service: str = Field(default="", max_length=255)
    family: str = Field(default="", pattern=FAMILY)  # of task definitions; empty: the service's
    container: str = ""  # that is given the command; empty: the only one that runs an image of the release
    images: Mapping[Text, Name] = Field(default_factory=dict)  # container -> its image, of [images.<name>]
    subnets: tuple[Text, ...] = ()
    security_groups: tuple[Text, ...] = ()
    public_ip: bool = False

    words: ClassVar[Mapping[str, str]] = {FAMILY: "a family of task definitions: letters, digits, hyphens, underscores"}

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        if not values.get("service") and not values.get("family"):
            yield "service", "is missing: name the service whose task definition and network it has, or a family"
        elif not values.get("service") and not values.get("subnets"):
            yield "subnets", "are missing: a family has no network of its own; name them, or a service"
        if values.get("images") and not values.get("family"):
            yield "images", "are those of the service already: remove them"
        for key in ("security_groups", "public_ip"):
            if values.get(key) and not values.get("subnets"):
                yield key, "goes with subnets: without them, it is the service's"


class HookTable(Section):
    """One hook: a command (here or in a task), or a function.

    `payload` is the invocation's event; `{version}` and the like in its texts are filled in.
    """

    words: ClassVar[Mapping[str, str]] = {FUNCTION: "a function's name, with :alias or :version if need be"}

    command: tuple[Text, ...] = ()  # run in the repository's top, by no shell; or in the task
    task: TaskTable | None = None
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
        if self.function:
            return f"function {self.function}"
        words = cut(shlex.join(self.command), SHOWN)
        return f"task of {self.task.family or self.task.service}: {words}" if self.task else words

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
        if values.get("task") and values.get("function"):
            yield "task", "runs a command, and a function is given: take one of them out"
        if "payload" in values and "function" not in values:
            yield "payload", "is the event of an invocation, and no function is given"
        if values.get("function") and number(values, "timeout", cls) > LONGEST:
            yield "timeout", f"is longer than the {LONGEST} s that a function may run"
        try:
            json.loads(values["payload"]) if isinstance(values.get("payload"), str) else None
        except ValueError:
            yield "payload", "is not JSON: give the event that the function is invoked with"


def tasks_without_services(values: Values) -> Iterator[Finding]:
    """Find hooks that run a task where there are no services."""
    for name in table(values, "environments"):
        environment = table(table(values, "environments"), name)
        services = table(table(environment, "ecs"), "services")
        for place, hook in {**table(values, "hooks"), **table(environment, "hooks")}.items():
            chosen = table(hook, "task") if isinstance(hook, Mapping) else {}
            own = f"environments.{name}." if place in table(environment, "hooks") else ""
            if chosen and not services:
                advice = f"give {name} a hook of its own, or one with skip = true"
                yield f"{own}hooks.{place}.task", f"needs services, and {name} has none: {advice}"
            elif chosen.get("service") and chosen["service"] not in services:
                yield (
                    f"{own}hooks.{place}.task.service",
                    f"must be one of the services of {name}: {', '.join(services)}",
                )


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
