"""[environments.<name>.ecs]: services of ECS in one cluster."""

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from tagship.domain.rules import Rules
from tagship.settings.environment import Environment
from tagship.settings.health import URL, VERSION_KEY, WORDS, GoodAnswers, of_redirects
from tagship.settings.kind import Kind
from tagship.settings.late import late
from tagship.settings.section import Finding, Name, Section, Text, Values, cut, move_below, table

if TYPE_CHECKING:
    from tagship.domain.infra_owned import Ownership

SERVICE = late(r"^[A-Za-z0-9_-]{1,255}$")
ROLE = r"^[A-Za-z0-9+=,.@_-]{1,64}$"
FAMILY = r"^[A-Za-z0-9_-]{1,250}$"
STRATEGIES = {"rolling": "ROLLING", "blue-green": "BLUE_GREEN", "linear": "LINEAR", "canary": "CANARY"}
BY_SHARES = frozenset({"linear", "canary"})
SHIFTING = frozenset({"blue-green", *BY_SHARES})
LEAST_STEP = 3  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html
ADDRESS = late(r"^([^\s:/]+:[0-9]{1,5})?$")

ServiceName = Annotated[str, StringConstraints(pattern=SERVICE)]
RoleName = Annotated[str, StringConstraints(pattern=ROLE)]
FamilyName = Annotated[str, StringConstraints(pattern=FAMILY)]


class ServiceHealth(GoodAnswers):
    """How a service is asked once its tasks run the digest.

    `http` asks `url`; `tcp` connects to `address`; `command` runs on the runner; `alive`: the tasks stay up.
    """

    words: ClassVar[Mapping[str, str]] = {**WORDS, ADDRESS: "a host and a port: api.internal:5432"}
    needs: ClassVar[Mapping[str, str]] = {"http": "url", "tcp": "address", "command": "command", "alive": "seconds"}

    kind: Literal["http", "tcp", "command", "alive"] = "http"
    url: str = Field(default="", pattern=URL)
    version_key: str = Field(default="", pattern=VERSION_KEY)  # of its JSON answer; empty: it names no version
    address: str = Field(default="", pattern=ADDRESS)
    command: tuple[Text, ...] = ()
    seconds: int = Field(default=0, ge=0, le=3600)

    @property
    def asked(self) -> str:
        """Say what is asked."""
        return {"http": self.url, "tcp": self.address, "alive": "its tasks"}.get(self.kind) or shlex.join(self.command)

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        kind = values.get("kind", "http")
        for name, key in cls.needs.items():
            if values.get(key) and name != kind:
                yield key, f'is of another kind of check: set kind = "{name}", or remove it'
        if kind in cls.needs and not values.get(cls.needs[kind]):
            yield cls.needs[kind], f'is missing: kind = "{kind}" needs it'
        yield from of_redirects(values)


class ServiceTable(Section):
    """One service: which of its containers run the image, and its health.

    Digests of its tasks say what it runs. What `health` says is asked too.
    """

    containers: tuple[Text, ...] = ()  # empty: those that run an image of image.repository already
    images: Mapping[Text, Name] = Field(default_factory=dict)  # container -> its image, of [images.<name>]
    health: ServiceHealth | None = None  # none: the tasks are counted, and nothing is asked

    @property
    def runs_own(self) -> bool:
        """Tell whether a container runs the environment's own image."""
        return bool(self.containers) or not self.images

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        for container in table(values, "images"):
            if container in values.get("containers", ()):
                yield f"images.{container}", "is in `containers` too, which run the environment's own image: remove one"


class Monitors(Section):
    """What ECS is to watch during a deployment, set with the version.

    What is left out stays as the service has it.
    """

    failures: int = Field(default=0, ge=0, le=200)  # failed tasks at which the circuit breaker goes back
    alarms: tuple[Text, ...] = ()  # names of CloudWatch alarms at which ECS goes back
    firing: Literal["refuse", "warn"] = "refuse"  # an alarm that is in ALARM before: ECS would not watch it


class Strategy(Section):
    """How ECS brings a version to its tasks, set with the version.

    Without `kind` it stays as the service has it.
    """

    kind: Literal["", "rolling", "blue-green", "linear", "canary"] = ""
    bake: int = Field(default=0, ge=0, le=1440)  # minutes that both versions run once all traffic is shifted
    percent: float = Field(default=10, ge=0.1, le=100)  # of the traffic: a canary's share, or a linear step
    minutes: int = Field(default=10, ge=0, le=1440)  # that such a share lasts

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Spell it as ECS has it; empty without a kind."""
        from tagship.domain.ecs.strategy import configured

        return configured(STRATEGIES[self.kind], self.bake, self.percent, self.minutes) if self.kind else {}

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        kind = str(values.get("kind", ""))
        for key in ("percent", "minutes"):
            default = cls.model_fields[key].default
            if kind not in BY_SHARES and values.get(key, default) != default:
                yield key, 'is of shares of the traffic: set kind = "canary" or "linear", or remove it'
        if values.get("bake") and kind not in SHIFTING:
            yield "bake", 'is after a shift of the traffic: set kind = "blue-green", "canary" or "linear", or remove it'
        percent = values.get("percent")  # a number, or pydantic says that it is none
        if not isinstance(percent, (int, float)):
            return
        if percent != round(percent, 1):
            yield "percent", f"is {percent}, and ECS takes tenths: one digit after the point"
        if kind == "linear" and percent < LEAST_STEP:
            yield "percent", f"is less than the {LEAST_STEP} % that ECS takes for a linear step"


class Ecs(Kind):
    """The services of an environment."""

    table = "ecs"
    late = ("cluster", "services", "monitors.alarms")
    why_no_variables = ""
    words: ClassVar[Mapping[str, str]] = {
        SERVICE: "a service's or a cluster's name: letters, digits, hyphens and underscores",
        ROLE: "the name of an IAM role, without its path",
        FAMILY: "a family of task definitions: letters, digits, hyphens and underscores",
    }

    cluster: str = Field(pattern=SERVICE)
    order: Literal["together", "in order"] = "together"
    timeout: int = Field(default=900, ge=5, le=86_400)  # seconds that a service may take to run the version
    services: Annotated[Mapping[ServiceName, ServiceTable], Field(min_length=1)]
    roles: tuple[RoleName, ...] = ()  # that its task definitions name: who registers one must be allowed to pass them
    families: tuple[FamilyName, ...] = ()  # of its task definitions; empty: named as the services
    monitors: Monitors = Field(default_factory=Monitors.model_construct)
    strategy: Strategy = Field(default_factory=Strategy.model_construct)

    @property
    def rules(self) -> Rules:
        return Rules("100%" if self.order == "together" else "1", "0", limit="")

    @property
    def longest(self) -> int:
        from tagship.domain.ecs.strategy import waits

        return 2 * self.timeout + 60 * waits(self.strategy.configuration)  # there, and back

    @property
    def has_image(self) -> bool:
        return True

    @property
    def images(self) -> tuple[str, ...]:
        named = {name for service in self.services.values() for name in service.images.values()}
        own = {""} if any(service.runs_own for service in self.services.values()) else set()
        return tuple(sorted(named | own))

    @property
    def owned(self) -> "Ownership":
        from tagship.domain.infra_owned import Owned

        corrected = {
            "deployment_circuit_breaker": self.monitors.failures,
            "alarms": self.monitors.alarms,
            "deployment_configuration": self.strategy.kind,
        }
        given = tuple(name for name, value in corrected.items() if value)
        return {"aws_ecs_service": Owned(("task_definition",), given, ("desired_count",))}

    def running(self, image: str) -> list[str]:
        """Name the services that run an image; "" is the environment's own."""
        return [
            name
            for name, service in self.services.items()
            if image in service.images.values() or (not image and service.runs_own)
        ]

    @classmethod
    def images_in(cls, values: Values) -> Iterator[Finding]:
        for service in table(values, "services"):
            for container, name in table(table(table(values, "services"), service), "images").items():
                if isinstance(name, str):
                    yield f"services.{service}.images.{container}", name

    @property
    def stack_parameters(self) -> Mapping[str, str]:
        return {"Hosts": "no"}

    @property
    def stack_services(self) -> tuple[str, ...]:
        return tuple(f"{self.cluster}/{name}" for name in self.services)

    @property
    def stack_passed_roles(self) -> tuple[str, ...]:
        return self.roles

    @property
    def stack_families(self) -> tuple[str, ...]:
        return self.families or tuple(self.services)

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:  # noqa: ARG002
        """Write the variables that the containers of this artifact are given."""
        from tagship.domain.bundle import variables_as_files

        return variables_as_files(name, environment.variables)

    @classmethod
    def brought_home(cls, environment: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for name, service in table(table(environment, cls.table), "services").items():
            for key in ("url", "version_key"):
                if isinstance(service, dict) and key in service:
                    move_below(service, key, "health")
                    yield f"ecs.services.{cut(name)}.{key}", f"ecs.services.{cut(name)}.health.{key}"

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:
        services = table(table(environment, cls.table), "services")
        own = any(
            not table(services, name).get("images") or table(services, name).get("containers") for name in services
        )
        if own and not table(environment, "image").get("repository"):
            yield "image.repository", "is missing: name the repository of the image that the services run"
        chosen = table(environment, cls.table)
        if str(table(chosen, "strategy").get("kind")) in SHIFTING and table(chosen, "monitors").get("failures"):
            why = "is for rolling updates: no circuit breaker watches a shift of traffic; name alarms, or remove it"
            yield f"{cls.table}.monitors.failures", why
        secrets = table(environment, "secrets")
        for key in ("parameter_store", "secrets_manager"):
            if secrets.get(key):
                yield f"secrets.{key}", "is for hosts: a task definition names its own secrets"
