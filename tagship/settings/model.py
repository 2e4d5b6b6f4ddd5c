"""Every table and key of tagship.toml, with its type, its bounds and its default.

The types here say what each value may be by itself; combinations that cannot work are in `combinations`. What each key
is for is written in docs/tagship.sample.toml, which a test holds to these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tagship.domain import layout
from tagship.errors import SettingsError

NAME = r"^[a-z][a-z0-9-]{0,30}$"
SUFFIX = r"^([a-z][a-z0-9]{0,30})?$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"
REF = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"  # never an option of git's: it cannot begin with a hyphen
BRANCH = r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$"
REPOSITORY = r"^([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?$"
PATH = r"^/[A-Za-z0-9/_.\-]*$"
KEY = r"^[A-Za-z0-9_\-]+$"
URL = r"^(https?://\S+)?$"
DOCUMENT = r"^[A-Za-z0-9_.\-]{3,128}$"
GROUP = rf"^({NAME[1:-1]})?$"
CALENDAR = r"^([A-Za-z0-9:/_.\-]{3,200})?$"
TIMER = r"^([A-Za-z0-9*:,./~ +_\-]{1,100})?$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
PARAMETERS = r"^((/[A-Za-z0-9_.-]+)+/?)?$"
KEY_ARN = r"^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$"
MANAGED = r"^[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]*(#[A-Za-z0-9_.-]+)?$"
SOME = r"^([1-9][0-9]{0,4}|([1-9]|[1-9][0-9]|100)%)$"
FEW = r"^(0|[1-9][0-9]{0,4}|([0-9]|[1-9][0-9]|100)%)$"
MEMORY = r"^([1-9][0-9]{0,8}[bkmg])?$"
USER = r"^([a-z_][a-z0-9_-]{0,30})?$"
STATE_BUCKET = rf"^({BUCKET[1:-1]})?$"
STATE_KEY = r"^([A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9])?$"  # Terraform refuses a slash at either end

WORDS = {
    NAME: "small letters, digits and hyphens, a letter first, at most 31",
    SUFFIX: "one word of small letters and digits, a letter first",
    BUCKET: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens",
    REGION: "a region such as us-east-1",
    REF: "letters, digits, dots, hyphens and slashes, a letter or digit first",
    BRANCH: "a branch's name: letters, digits, dots, hyphens and slashes, a letter or digit first",
    REPOSITORY: "owner/name",
    PATH: "a path such as /healthz",
    KEY: "a key of a JSON object: letters, digits, hyphens and underscores",
    URL: "an http:// or https:// address",
    DOCUMENT: "a document's name: 3 to 128 letters, digits, dots, hyphens and underscores",
    GROUP: "small letters, digits and hyphens, a letter first, at most 31",
    CALENDAR: "the name or the ARN of a change calendar",
    TIMER: 'times of a calendar as systemd has them: "*-*-* 03:30:00 UTC", "hourly"',
    VARIABLE: "a variable's name: letters, digits and underscores, no digit first",
    KEY_ARN: "the ARN of a KMS key such as arn:aws:kms:eu-west-1:123456789012:key/…",
    PARAMETERS: "a path of Parameter Store such as /hello/dev/",
    MANAGED: "a secret's name such as hello/dev/db, with #key for one value of a JSON object",
    SOME: 'a number of hosts (10) or a percentage of them ("25%"), at least one',
    FEW: 'a number of hosts (2) or a percentage of them ("5%")',
    MEMORY: 'an amount of memory such as "512m" or "2g"',
    USER: "the name of a host's account: small letters, digits, underscores and hyphens, at most 31",
    STATE_BUCKET: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens",
    STATE_KEY: "a key such as dev/terraform.tfstate: letters, digits, dots, slashes and hyphens",
}

Name = Annotated[str, StringConstraints(pattern=NAME)]
Suffix = Annotated[str, StringConstraints(pattern=SUFFIX)]
Text = Annotated[str, StringConstraints(min_length=1)]
Variable = Annotated[str, StringConstraints(pattern=VARIABLE)]
Secret = Annotated[str, StringConstraints(pattern=MANAGED)]


class Section(BaseModel):
    # defer_build: one validator is built, for Settings, when a file is read; not nine when this module is imported.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Git(Section):
    """Where tags and branches are pushed."""

    remote: str = Field(default="origin", pattern=REF)


class Aws(Section):
    """The account's region and the one bucket that holds artifacts, ledger and leases."""

    region: str = Field(default="us-east-1", pattern=REGION)
    bucket: str = Field(pattern=BUCKET)
    profile: str = ""


class Signing(Section):
    """The key that signs manifests (a PEM file, or `kms:<key id or alias>`) and the public key that verifies them.

    Without the table nothing is signed, which every environment has to allow.
    """

    key: Text
    public_key: Text


class Ci(Section):
    """How a pushed tag's run is found and followed."""

    repository: str = Field(default="", pattern=REPOSITORY)  # read off the remote's URL when empty
    appears_within: int = Field(default=60, ge=1)  # seconds
    timeout: int = Field(default=3600, ge=1)  # seconds
    green_before_tag: bool = False


class Bundle(Section):
    """What goes into the bundle beside deploy/: paths of the commit, and built paths that Git does not track."""

    include: tuple[Text, ...] = ()
    built: tuple[Text, ...] = ()
    level: int = Field(default=6, ge=1, le=9)  # gzip


class Health(Section):
    """How a version is known to serve: `attempts` requests, waiting min(2^(n-1), cap) seconds between them."""

    path: str = Field(default="/healthz", pattern=PATH)
    version_key: str = Field(default="version", pattern=KEY)
    attempts: int = Field(default=15, ge=1, le=60)
    attempts_after_rollback: int = Field(default=5, ge=1, le=60)
    passes: int = Field(default=2, ge=1, le=10)
    timeout: int = Field(default=3, ge=1, le=60)  # seconds, each request
    cap: int = Field(default=60, ge=1, le=300)  # seconds, the longest wait
    url: str = Field(default="", pattern=URL)  # asked from outside by `verify`, where given


class Image(Section):
    """The container image, where the runtime is docker."""

    repository: str = ""
    dockerfile: Text = "Dockerfile"
    context: Text = "."


class Limits(Section):
    """What an app may use of a host, in a container or in a unit of systemd."""

    memory: str = Field(default="", pattern=MEMORY)  # empty: no limit
    pids: int = Field(default=1024, ge=1, le=4_194_304)  # processes and threads


class Ec2(Section):
    """The hosts of an environment: EC2 tags that all must match."""

    tags: Annotated[Mapping[Text, str], Field(min_length=1)]
    document: str = Field(default="tagship-deploy", pattern=DOCUMENT)
    timeout: int = Field(default=900, ge=5, le=172_800)  # seconds that one action may run on a host


def _as_text(value: object) -> object:
    """A number as the text that a percentage is: both are written where a count of hosts is asked for."""
    return str(value) if type(value) is int else value


Count = Annotated[str, BeforeValidator(_as_text)]


class Fleet(Section):
    """How many hosts are changed at once, and how many of them may fail. A percentage is of all the hosts there are."""

    max_concurrency: Count = Field(default="100%", pattern=SOME)
    max_errors: Count = Field(default="0", pattern=FEW)
    canary: bool = False
    bake: int = Field(default=0, ge=0, le=86_400)  # seconds


class Infra(Section):
    """What an environment stands on: Terraform in a directory of the repository, or another tool's command there."""

    directory: str = ""  # empty: there is nothing to apply
    command: tuple[Text, ...] = ()
    plan_only: bool = False
    state_bucket: str = Field(default="", pattern=STATE_BUCKET)  # aws.bucket when empty
    state_key: str = Field(default="", pattern=STATE_KEY)  # <app>/_infra/<environment>/terraform.tfstate when empty
    lock_timeout: int = Field(default=300, ge=0, le=7200)  # seconds
    variables: Mapping[Variable, str] = Field(default_factory=dict)


class Secrets(Section):
    """Variables whose values are fetched by the hosts themselves, and are known nowhere else."""

    parameter_store: str = Field(default="", pattern=PARAMETERS)  # a path; every parameter below it is a variable
    secrets_manager: Mapping[Variable, Secret] = Field(default_factory=dict)  # by variable
    kms_key: str = Field(default="", pattern=KEY_ARN)  # of one's own, that they are encrypted with


class Environment(Section):
    """One place that a version is deployed to."""

    branch: str = Field(default="", pattern=BRANCH)
    suffix: Suffix | None = None
    target: Literal["ec2"] = "ec2"
    runtime: Literal["process", "docker"] = "process"
    manager: Literal["process", "systemd"] = "process"
    command: tuple[Text, ...] = ()
    port: int = Field(default=8080, ge=1, le=65535)
    keep: int = Field(default=3, ge=1, le=50)
    drain: int = Field(default=5, ge=0, le=600)  # seconds
    kind: Literal["service", "job"] = "service"  # a job ends
    timer: str = Field(default="", pattern=TIMER)  # of a job: systemd's OnCalendar
    run_at_deploy: bool = True  # of a job
    zero_downtime: bool = True  # false: the old version is stopped before the new one is started
    variables: Mapping[Variable, str] = Field(default_factory=dict)
    secrets: Secrets = Field(default_factory=Secrets)
    allow_unsigned: bool = False  # take artifacts that nobody signed
    lease_ttl: int = Field(default=120, ge=10, le=3600)  # seconds
    lease_group: str = Field(default="", pattern=GROUP)  # the environment's own name when empty
    change_calendar: str = Field(default="", pattern=CALENDAR)  # a name or an ARN of SSM Change Calendar
    health: Health = Field(default_factory=Health)
    image: Image = Field(default_factory=Image)
    user: str = Field(default="", pattern=USER)  # the account on the host; app-<app> when empty
    limits: Limits = Field(default_factory=Limits)
    ec2: Ec2 | None = None
    fleet: Fleet = Field(default_factory=Fleet)
    infra: Infra = Field(default_factory=Infra)


class Settings(Section):
    """All of tagship.toml."""

    app: Name
    sandbox: bool = False
    git: Git = Field(default_factory=Git)
    aws: Aws
    signing: Signing | None = None
    ci: Ci = Field(default_factory=Ci)
    bundle: Bundle = Field(default_factory=Bundle)
    environments: Annotated[Mapping[Name, Environment], Field(min_length=1)]

    def suffix(self, environment: str) -> str:
        """The suffix of an environment's versions: its own setting, or its name."""
        suffix = self.environments[environment].suffix
        return environment if suffix is None else suffix

    def environment(self, name: str) -> Environment:
        """One environment; raises SettingsError naming the ones there are."""
        if name in self.environments:
            return self.environments[name]
        from difflib import get_close_matches

        near = get_close_matches(name, list(self.environments), 1) or list(self.environments)
        raise SettingsError(
            f"There is no environment {name!r} in tagship.toml. There are: {', '.join(self.environments)}.",
            remedy=f"Name one of them: --env {near[0]}",
        )

    def lease_group(self, environment: str) -> str:
        """The name of the lease that covers an environment: its group's, or its own."""
        return self.environment(environment).lease_group or environment

    def state(self, environment: str) -> tuple[str, str]:
        """The bucket and the key of an environment's Terraform state."""
        infra = self.environment(environment).infra
        return infra.state_bucket or self.aws.bucket, infra.state_key or layout.state(self.app, environment)

    def environment_of(self, suffix: str) -> str:
        """The environment whose versions have `suffix`; raises SettingsError when none or several do."""
        owners = [name for name in self.environments if self.suffix(name) == suffix]
        if len(owners) == 1:
            return owners[0]
        what = f"belongs to {' and '.join(owners)}" if owners else "belongs to no environment"
        raise SettingsError(
            f"The suffix {suffix!r} {what} in tagship.toml.",
            remedy=f"Name the environment: --env {(owners or list(self.environments))[0]}",
        )
