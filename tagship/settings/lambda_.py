"""[environments.<name>.lambda]: functions of Lambda, each behind an alias."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from tagship.domain.rules import Rules
from tagship.settings.environment import Environment
from tagship.settings.kind import Kind
from tagship.settings.late import late
from tagship.settings.section import (
    NAME,
    Finding,
    Name,
    Section,
    Text,
    Values,
    cut,
    move_below,
    outside,
    table,
)

if TYPE_CHECKING:
    from tagship.domain.infra_owned import Ownership

FUNCTION = late(r"^[A-Za-z0-9_-]{1,64}$")
ALIAS = r"^([A-Za-z][A-Za-z0-9_-]{0,127})?$"
HANDLER = r"^([^\s]{1,128})?$"
VARIABLE = r"[A-Za-z][A-Za-z0-9_]+\Z"
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: what the runtime sets itself
RESERVED = re.compile(r"_HANDLER$|_X_AMZN_TRACE_ID$|AWS_(?!XRAY_)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)$")


def _as_text(value: object) -> object:
    """Turn a number or a boolean into text: an answer has either."""
    return json.dumps(value) if isinstance(value, int) else value


ANSWER = {"type": ["string", "integer", "boolean"]}

Answer = Annotated[str, BeforeValidator(_as_text), WithJsonSchema(ANSWER)]
FunctionName = Annotated[str, StringConstraints(pattern=FUNCTION)]


class FunctionHealth(Section):
    """How a function is asked: by an invocation, which names its version.

    The event is `payload`, or the JSON of the file `event`. `expect` are values of its answer by their dotted places,
    and `expression` one of JMESPath that has to be true of it; `{version}` stands for the version that is deployed.
    """

    kind: Literal["invoke"] = "invoke"
    payload: str = "{}"  # JSON
    event: str = ""  # a file of the repository
    expect: Mapping[Text, Answer] = Field(default_factory=dict)
    expression: str = ""

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        payload = values.get("payload", "{}")
        try:
            json.loads(payload) if isinstance(payload, str) else None
        except ValueError:
            yield "payload", "is not JSON: give the event that the function is asked with"
        if values.get("event") and "payload" in values:
            yield "event", "and payload are both given: take one of them out"
        yield from outside("event", [values.get("event", "")])


class Function(Section):
    """One function: its package or image, and how its health is asked.

    `image` is true for the environment's own image, or names one of [images.<name>]: it says what its handler is.
    """

    words: ClassVar[Mapping[str, str]] = {HANDLER: "a handler such as app.handler"}

    package: str = Field(default="", pattern=NAME)
    image: bool | Name = False
    handler: str = Field(default="", pattern=HANDLER)  # set with the code; as the function has it when empty
    health: FunctionHealth = Field(default_factory=FunctionHealth.model_construct)

    @property
    def image_name(self) -> str:
        """Name its image; "" is the environment's own."""
        return self.image if isinstance(self.image, str) else ""

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        if values.get("image"):
            for key in ("package", "handler"):
                if values.get(key):
                    yield key, "is for a zip file, and `image` is for a container image: take one of them out"
        elif "package" not in values:
            yield "package", "missing; add it, or image = true"


class ShiftStep(Section):
    """One step of a gradual change: a share, and how long."""

    percent: int = Field(ge=1, le=99)  # of the calls
    minutes: int = Field(ge=1, le=1440)


class Lambda(Kind):
    """The functions of an environment, all behind one alias's name.

    Without an alias, callers call the functions themselves: what is deployed there serves at once.
    """

    table = "lambda"
    late = ("functions", "alarms")
    why_no_variables = ""
    words: ClassVar[Mapping[str, str]] = {
        FUNCTION: "a function's name: letters, digits, hyphens and underscores, at most 64",
        ALIAS: "an alias: letters, digits, hyphens and underscores, a letter first",
    }

    alias: str = Field(default="live", pattern=ALIAS)
    timeout: int = Field(default=300, ge=5, le=3600)  # seconds that an update and a new version may take
    steps: tuple[ShiftStep, ...] = ()  # shares that a new version gets before all calls; empty: all at once
    alarms: tuple[Text, ...] = ()  # of CloudWatch, each in ALARM if the new version must not go on
    errors: float = Field(default=0, ge=0, lt=100)  # percent of its invocations that may fail; 0: not looked at
    functions: Annotated[Mapping[FunctionName, Function], Field(min_length=1)]

    @property
    def rules(self) -> Rules:
        return Rules("100%", "0")

    @property
    def longest(self) -> int:
        return self.timeout + 60 * sum(step.minutes for step in self.steps)

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        steps = values.get("steps")
        if not isinstance(steps, list) or not steps:
            for key in ("alarms", "errors"):
                if values.get(key):
                    yield key, "is looked at between steps, and there are none: add steps"
            return
        if values.get("alias") == "":
            yield "steps", "needs an alias, which sends shares of the calls"
        if not values.get("alarms") and not values.get("errors"):
            yield "steps", "only delays without alarms or errors to stop it: add one of them"
        percents = [step.get("percent") for step in steps if isinstance(step, Mapping)]
        numbers = [percent for percent in percents if type(percent) is int]
        if numbers != sorted(set(numbers)):
            yield "steps", "has to rise: each step gives the new version more of the calls than the one before"

    @property
    def owned(self) -> "Ownership":
        from tagship.domain.infra_owned import Owned

        code = ("filename", "image_uri", "s3_bucket", "s3_key", "s3_object_version", "source_code_hash")
        handler = ("handler",) if any(function.handler for function in self.functions.values()) else ()
        record = () if self.alias else ("description",)
        function = Owned(("environment", *record), (*code, *handler))
        alias = Owned(("function_version", "routing_config", "description")) if self.alias else Owned()
        return {"aws_lambda_function": function, "aws_lambda_alias": alias}

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(sorted({function.package for function in self.functions.values() if function.package}))

    @property
    def has_image(self) -> bool:
        return any(function.image for function in self.functions.values())

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(sorted({function.image_name for function in self.functions.values() if function.image}))

    @classmethod
    def images_in(cls, values: Values) -> Iterator[Finding]:
        for name, function in table(values, "functions").items():
            if isinstance(function, Mapping) and isinstance(function.get("image"), str):
                yield f"functions.{name}.image", function["image"]

    @classmethod
    def packages_in(cls, values: Values) -> Iterator[Finding]:
        for name, function in table(values, "functions").items():
            if isinstance(function, Mapping) and isinstance(function.get("package"), str):
                yield f"functions.{name}.package", function["package"]

    @property
    def stack_functions(self) -> tuple[str, ...]:
        return tuple(self.functions)

    @property
    def stack_parameters(self) -> Mapping[str, str]:
        return {"Hosts": "no"}

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:  # noqa: ARG002
        """Write the variables that the functions of this artifact are given."""
        from tagship.domain.bundle import variables_as_files

        return variables_as_files(name, environment.variables)

    @classmethod
    def why_not_settable(cls, variable: str, values: Values) -> str:  # noqa: ARG003
        if RESERVED.match(variable):
            return "is a variable of Lambda's own"
        return "" if re.match(VARIABLE, variable) else "is not a variable that Lambda takes"

    @classmethod
    def brought_home(cls, environment: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for name, function in table(table(environment, cls.table), "functions").items():
            for key in ("payload", "expect"):
                if isinstance(function, dict) and key in function:
                    move_below(function, key, "health")
                    yield f"lambda.functions.{cut(name)}.{key}", f"lambda.functions.{cut(name)}.health.{key}"
        outputs = table(environment, cls.table).get("outputs")
        if isinstance(outputs, dict):
            yield from _outputs_brought_home(environment, environment[cls.table].pop("outputs"))

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:
        functions = table(table(environment, cls.table), "functions")
        wants_image = any(isinstance(value, Mapping) and value.get("image") is True for value in functions.values())
        if wants_image and not table(environment, "image").get("repository"):
            yield "image.repository", "a function with image = true needs the repository that images are pushed to"
        secrets = table(environment, "secrets")
        for key in ("parameter_store", "secrets_manager"):
            if secrets.get(key):
                yield f"secrets.{key}", "is for hosts: a function reads its secrets itself, with its own role"


def _outputs_brought_home(environment: dict[str, Any], outputs: Values) -> Iterator[tuple[str, str]]:
    """Move the file of outputs, and the variables that it decided."""
    if "file" in outputs:
        environment.setdefault("outputs", outputs["file"])
        yield "lambda.outputs.file", "outputs"
    variables = environment.setdefault("variables", {})
    for name, place in table(outputs, "variables").items():
        if isinstance(variables, dict):
            variables.setdefault(name, f"{{outputs.{place}}}")
        yield f"lambda.outputs.variables.{cut(name)}", f'variables.{cut(name)} = "{{outputs.{cut(str(place))}}}"'
