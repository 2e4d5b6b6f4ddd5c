"""[environments.<name>.ec2]: hosts that carry EC2 tags, and how an app runs on them."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tagship.domain.ec2 import hostconf, numbers, walls
from tagship.domain.health import waits
from tagship.domain.rules import Rules
from tagship.settings.batches import Batches
from tagship.settings.bounds import Limits, Volume, of_volumes
from tagship.settings.container import Container, texts
from tagship.settings.environment import Environment
from tagship.settings.health import Health
from tagship.settings.kind import Kind
from tagship.settings.section import Finding, Text, Values, number, shown, table

TEMPLATE = "deploy/aws/ssm-document.json"
ENTRY = "deploy/host/entry.sh"
DOCUMENT = r"^[A-Za-z0-9_.\-]{3,121}$"  # -status is added to it
TIMER = r"^([A-Za-z0-9*:,./~ +_\-]{1,100})?$"
USER = r"^([a-z_][a-z0-9_-]{0,30})?$"


class Hosts(Kind):
    """How an app runs on hosts.

    Every one of the EC2 `tags` must match.
    """

    words: ClassVar[Mapping[str, str]] = {
        DOCUMENT: "a document's name: 3 to 121 letters, digits, dots, hyphens and underscores",
        TIMER: 'times of a calendar as systemd has them: "*-*-* 03:30:00 UTC", "hourly"',
        USER: "the name of a host's account: small letters, digits, underscores and hyphens, at most 31",
    }

    tags: Annotated[Mapping[Text, str], Field(min_length=1)]
    document: str = Field(default="tagship-deploy", pattern=DOCUMENT)
    timeout: int = Field(default=900, ge=5, le=172_800)  # seconds that one action may run on a host
    runtime: Literal["process", "docker"] = "process"
    manager: Literal["process", "systemd"] = "process"
    command: tuple[Text, ...] = ()
    port: int = Field(default=8080, ge=1, le=65535)
    keep: int = Field(default=3, ge=1, le=50)
    drain: int = Field(default=5, ge=0, le=600)  # seconds
    kind: Literal["service", "job"] = "service"  # a job ends
    timer: str = Field(default="", pattern=TIMER)  # of a job: systemd's OnCalendar
    run_at_rollback: bool = False  # of a job: run the version that is gone back to, too
    run_at_deploy: bool = True  # of a job; false without a timer: it is run on demand
    zero_downtime: bool = True  # false: the old version is stopped before the new one is started
    user: str = Field(default="", pattern=USER)  # the account on the host; app-<app> when empty
    limits: Limits = Field(default_factory=Limits.model_construct)
    container: Container = Field(default_factory=Container.model_construct)
    volumes: tuple[Volume, ...] = ()
    metadata: bool = False  # true: the app may ask the metadata service, and has the rights of the host's role
    trusted_proxies: tuple[Text, ...] = ()  # networks of load balancers whose X-Forwarded-For is believed

    @property
    def longest(self) -> int:
        return self.timeout

    @property
    def has_image(self) -> bool:
        return self.runtime == "docker"

    @property
    def images(self) -> tuple[str, ...]:
        return (self.container.image,) if self.has_image else ()

    @property
    def host_image(self) -> str:
        return self.container.image

    @classmethod
    def images_in(cls, values: Values) -> Iterator[Finding]:
        image = table(values, "container").get("image")
        if isinstance(image, str) and image:
            yield "container.image", image

    @classmethod
    def why_not_settable(cls, variable: str, values: Values) -> str:
        return hostconf.why_not_settable(variable, str(values.get("runtime", "process")))

    # -- what a host reads ---------------------------------------------------------------------------------------------

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:
        path = f"{hostconf.FOLDER}/{name}.conf"
        return {path: hostconf.conf(name, self._keys(environment.health, region), environment.variables)}

    def _keys(self, health: Health, region: str) -> dict[str, object]:
        """List the keys of the conf."""
        # Operational numbers travel with each change instead.
        keys: dict[str, object] = {
            "REGION": region,
            "RUNTIME": self.runtime,
            "MANAGER": self.manager,
            "PORT": self.port,
            "HEALTH_PATH": health.path,
            "HEALTH_VERSION_KEY": health.version_key,
            "COMMAND": shlex.join(self.command),
        }
        keys |= {"ALIVE": health.seconds} if health.kind == "alive" else {}
        if health.settled != type(health).model_fields["settled"].default:
            keys["HEALTH_SETTLED"] = health.settled
        keys |= {"HEALTH_STATUS": " ".join(health.accepted("").codes)} if health.accepts_more else {}
        if not self.zero_downtime:
            keys["ZERO_DOWNTIME"] = "false"
        if self.kind == "job":
            keys |= {"KIND": "job", "TIMER": self.timer, "RUN_AT_DEPLOY": str(self.run_at_deploy).lower()}
            keys |= {"RUN_AT_ROLLBACK": "true"} if self.run_at_rollback else {}
        if self.manager == "systemd":
            keys |= {"MEMORY": self.limits.memory, "PIDS": self.limits.pids}
            keys |= {"ACCOUNT": self.user} if self.user else {}
            keys |= self._volumes()
            keys |= self._walls()
        return keys

    def _volumes(self) -> dict[str, object]:
        owned = [f"{volume.host}={volume.owner}" for volume in self.volumes if volume.owner]
        keys = {"VOLUMES": [volume.mapped for volume in self.volumes], "OWNERS": owned}
        return {key: " ".join(words) for key, words in keys.items() if words}

    def _walls(self) -> dict[str, object]:
        """List the keys of the conf that open walls."""
        keys: dict[str, object] = {"METADATA": "open"} if self.metadata else {}
        if self.trusted_proxies:
            keys["TRUSTED_PROXIES"] = " ".join(self.trusted_proxies)
        if self.has_image:
            keys["CAPABILITIES"] = " ".join(self.container.capabilities)
            keys |= {"CONTAINER_ROOT": "allowed"} if self.container.root else {}
            keys |= {"CONTAINER": self.container.name} if self.container.name else {}
            keys |= {"ENTRYPOINT": self.container.entrypoint} if self.container.entrypoint else {}
            keys |= {"ARGUMENTS": shlex.join(self.container.command)} if self.container.command else {}
        return keys

    def numbers(self, health: Health) -> str:
        """Write the operational numbers as they travel with a change: `KEEP=3,DRAIN=5,…`."""
        return numbers.written(
            {
                "KEEP": self.keep,
                "DRAIN": self.drain,
                "TIMEOUT": self.timeout,
                "HEALTH_ATTEMPTS": health.attempts,
                "HEALTH_ATTEMPTS_AFTER_ROLLBACK": health.attempts_after_rollback,
                "HEALTH_PASSES": health.passes,
                "HEALTH_TIMEOUT": health.timeout,
                "HEALTH_CAP": health.cap,
            }
        )

    # -- what `setup` makes in the account -----------------------------------------------------------------------------

    @property
    def resource_tags(self) -> Mapping[str, str]:
        return self.tags

    @property
    def stack_parameters(self) -> Mapping[str, str]:
        return {"Document": self.document}

    def documents(self, read: Callable[[str], str]) -> Mapping[str, str]:
        from tagship.domain.ec2 import document

        template, entry = read(TEMPLATE), read(ENTRY)
        whole, status = document.render(template, entry), document.render(template, entry, actions=("status",))
        return {self.document: whole, document.for_status(self.document): status}

    # -- combinations that cannot work ---------------------------------------------------------------------------------

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:
        values = table(environment, cls.table)
        runtime = values.get("runtime", "process")
        if runtime == "process" and not values.get("command"):
            yield (
                f"{cls.table}.command",
                'runtime = "process" needs the program to start: command = ["python3", "app.py"]',
            )
        image = table(values, "container").get("image")
        if image and runtime != "docker":
            yield f"{cls.table}.container.image", 'is for runtime = "docker": remove it'
        if runtime == "docker" and not image and not table(environment, "image").get("repository"):
            yield "image.repository", 'runtime = "docker" needs the repository that images are pushed to'
        health = table(environment, "health")
        for place, problem in (*_of_job(values), *_of_systemd(values), *_of_walls(values), *_of_time(values, health)):
            yield f"{cls.table}.{place}", problem
        if values.get("kind") == "job" and health.get("kind") == "alive":
            yield "health.kind", "is for services: a job is healthy when it has run"
        if "." in str(health.get("version_key", "")):
            yield "health.version_key", "is one key on a host, wherever it is in the answer: name the last one alone"

    @classmethod
    def runs_files(cls, values: Values) -> bool:
        return bool(values.get("runtime", "process") == "process")

    @classmethod
    def brought_home(cls, environment: dict[str, Any]) -> Iterator[tuple[str, str]]:
        values = environment.get(cls.table)
        if isinstance(values, dict) and "alive" in values:
            seconds = values.pop("alive")
            if seconds and isinstance(health := environment.setdefault("health", {}), dict):
                health |= {"kind": "alive", "seconds": seconds}
            yield f"{cls.table}.alive", 'health: kind = "alive" and seconds'


class Ec2(Hosts):
    """The hosts of an environment, which deployments change in place."""

    table = "ec2"
    moved: ClassVar[Mapping[str, str]] = {
        "target": "",
        **{
            key: key
            for key in (
                "runtime", "manager", "command", "port", "keep", "drain", "kind", "timer", "run_at_deploy",
                "zero_downtime", "user", "limits",
            )
        },
        "fleet": "rollout",
    }  # fmt: skip

    rollout: Batches = Field(default_factory=Batches.model_construct)

    @property
    def rules(self) -> Rules:
        chosen = self.rollout
        return Rules(chosen.max_concurrency, chosen.max_errors, chosen.canary, chosen.bake)


def _of_volumes(values: Values) -> Iterator[Finding]:
    return ((f"volumes.{place}", problem) for place, problem in of_volumes(values.get("volumes")))


def _of_job(values: Values) -> Iterator[Finding]:
    job = values.get("kind", "service") == "job"
    if job and values.get("manager", "process") != "systemd":
        yield "kind", 'kind = "job" needs a service manager with units and timers: manager = "systemd"'
    for key in ("timer", "run_at_rollback"):
        if values.get(key) and not job:
            yield key, 'is for jobs: set kind = "job"'


def _of_systemd(values: Values) -> Iterator[Finding]:
    """Find settings that need a service manager."""
    if values.get("user") == "root":
        yield "user", "is root, and no app runs as root: name another account, or leave it out"
    if values.get("manager", "process") == "systemd":
        return
    limits = table(values, "limits")
    needing_manager: dict[str, Any] = {"user": values.get("user"), "limits.memory": limits.get("memory")}
    needing_manager |= {key: values.get(key) for key in ("metadata", "trusted_proxies", "volumes")}
    needing_manager["limits.pids"] = number(limits, "pids", Limits) != Limits.model_fields["pids"].default
    for place, value in needing_manager.items():
        if value:
            yield place, 'needs a service manager: manager = "systemd"'


def _of_walls(values: Values) -> Iterator[Finding]:
    """Find what opens no wall, or is no network, or no folder."""
    yield from _of_volumes(values)
    for text in texts(values.get("trusted_proxies")):
        if why := walls.why_not_a_network(text):
            yield "trusted_proxies", f'{why}: give networks, such as "10.0.0.0/16"'
    for name in texts(table(values, "container").get("capabilities")):
        if name not in walls.CAPABILITIES:
            problem = f"{shown(name)} is not a capability of Linux as Docker names it, such as NET_RAW"
            yield "container.capabilities", problem
    if values.get("runtime", "process") != "docker":
        for key, value in table(values, "container").items():
            if value:
                yield f"container.{key}", 'is for containers: runtime = "docker"'


def _of_time(values: Values, health: Values) -> Iterator[Finding]:
    """Find a timeout that is shorter than an action's health checks."""
    longest = number(values, "drain", Hosts)
    longest += number(health, "seconds", Health) if health.get("kind") == "alive" else 0
    for key in ("attempts", "attempts_after_rollback"):
        attempts, seconds = number(health, key, Health), number(health, "timeout", Health)
        longest += int(sum(waits(min(attempts, 60), number(health, "cap", Health)))) + attempts * seconds
    if longest > number(values, "timeout", Hosts):
        yield "timeout", f"would kill a host's action before its health checks end: they may take {longest} s"
