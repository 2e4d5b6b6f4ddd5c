"""The tables that do not depend on what an environment runs on, with their types, bounds and defaults."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tagship.domain.infra import NAMES, TWIN
from tagship.domain.keys import ID, ORDERS, RELEASE
from tagship.domain.tagnames import PREFIX, TagNames
from tagship.settings.health import URL
from tagship.settings.section import (
    NAME,
    VARIABLE,
    Finding,
    Name,
    Section,
    Text,
    Values,
    Variable,
    number,
    outside,
    table,
)

SUFFIX = r"^([a-z][a-z0-9]{0,30})?$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
REF = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"  # never an option of git's: it cannot begin with a hyphen
BRANCH = r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$"
REPOSITORY = r"^([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?$"
GROUP = rf"^({NAME[1:-1]})?$"
TOPIC = r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}([.]fifo)?$"
MAYBE_NAME = r"^([a-z][a-z0-9-]{0,30})?$"
WORKFLOW = r"^([A-Za-z0-9._-]+[.]ya?ml)?$"  # a file of .github/workflows
CALENDAR = r"^([A-Za-z0-9:/_.\-]{3,200})?$"
PARAMETERS = r"^((/[A-Za-z0-9_.-]+)+/?)?$"
KEY_ARN = r"^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$"
KEY_ID = ID
MANAGED = r"^[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]*(#[A-Za-z0-9_.-]+)?$"
MAYBE_BUCKET = rf"^({BUCKET[1:-1]})?$"
# A state's place may have {account}, {region} and {environment}: it is the account's own, or the environment's.
_OWN = r"\{(account|region|environment)\}"
_END = rf"([A-Za-z0-9]|{_OWN})"  # Terraform refuses a slash at either end
STATE_BUCKET = rf"^(([a-z0-9]|{_OWN})([a-z0-9.-]|{_OWN}){{1,61}}([a-z0-9]|{_OWN}))?$"
STATE_KEY = rf"^({_END}(([A-Za-z0-9._/-]|{_OWN})*{_END})?)?$"

WORDS = {
    NAME: "small letters, digits and hyphens, a letter first, at most 31",
    SUFFIX: "one word of small letters and digits, a letter first",
    BUCKET: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens",
    REF: "letters, digits, dots, hyphens and slashes, a letter or digit first",
    BRANCH: "a branch's name: letters, digits, dots, hyphens and slashes, a letter or digit first",
    REPOSITORY: "owner/name",
    URL: "an http:// or https:// address",
    GROUP: "small letters, digits and hyphens, a letter first, at most 31",
    CALENDAR: "the name or the ARN of a change calendar",
    VARIABLE: "a variable's name: letters, digits and underscores, no digit first",
    KEY_ARN: "the ARN of a KMS key such as arn:aws:kms:eu-west-1:123456789012:key/…",
    PARAMETERS: "a path of Parameter Store such as /hello/dev/",
    KEY_ID: "a key's id: 16 hex digits, as the task pin shows them",
    MANAGED: "a secret's name such as hello/dev/db, with #key for one value of a JSON object",
    MAYBE_BUCKET: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens",
    STATE_BUCKET: "a bucket's name, in which {account}, {region} and {environment} may stand",
    PREFIX: "letters and digits, a letter first, with hyphens, underscores and slashes between them or at the end",
    STATE_KEY: "a key such as {environment}/terraform.tfstate: letters, digits, dots, slashes and hyphens",
}

Secret = Annotated[str, StringConstraints(pattern=MANAGED)]
KeyId = Annotated[str, StringConstraints(pattern=KEY_ID)]
PLACE = "{environment}"


class Git(Section):
    """Where tags and branches are pushed."""

    remote: str = Field(default="origin", pattern=REF)


class Tags(Section):
    """How versions' tags are named."""

    prefix: str = Field(default="", max_length=40, pattern=PREFIX)  # before the version: v, api-, api/v

    @property
    def names(self) -> TagNames:
        return TagNames(self.prefix)

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        if str(values.get("prefix", ""))[-1:].isdigit():
            yield (
                "prefix",
                "ends in a digit, and the version begins with one: end it with a letter, a hyphen or a slash",
            )


class Signing(Section):
    """The keys that sign, and those that verify.

    `key` signs manifests: a PEM file, or `kms:<key id or alias>`. `public_key` is the file of those that count, the one
    of `key` first. `order_key` signs what people write too: boot pointers and resets of the fencing numbers; without it
    `key` does. `{environment}` in them stands for the environment's name. Without the table nothing is signed, which
    every environment has to allow.
    """

    key: Text
    public_key: Text
    order_key: str = ""
    order_public_key: str = ""
    revoked: tuple[KeyId, ...] = ()

    def has_own(self, purpose: str) -> bool:
        """Tell whether a purpose has keys of its own."""
        return purpose == ORDERS and bool(self.order_key)

    def pair(self, environment: str, purpose: str = RELEASE) -> tuple[str, str]:
        """Return `key` and `public_key` of an environment for a purpose."""
        own = self.has_own(purpose)
        names = (self.order_key, self.order_public_key) if own else (self.key, self.public_key)
        key, public_key = (name.replace(PLACE, environment) for name in names)
        return key, public_key

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        texts = {name: values.get(name) or "" for name in ("key", "public_key", "order_key", "order_public_key")}
        if bool(texts["order_key"]) != bool(texts["order_public_key"]):
            missing = "order_public_key" if texts["order_key"] else "order_key"
            yield missing, "is missing: order_key and order_public_key go together"
        for key, public in (("key", "public_key"), ("order_key", "order_public_key")):
            if (PLACE in str(texts[key])) != (PLACE in str(texts[public])):
                yield public, f"has {PLACE} if {key} has it: a key for each environment has a file for each"
        for key, other in (("order_key", "key"), ("order_public_key", "public_key")):
            if texts[key] and texts[key] == texts[other]:
                yield key, f"is {other} too: who may sign orders could sign releases"


class Promotion(Section):
    """How a version goes from one environment to the next."""

    order: tuple[Name, ...] = ()  # the environments, the first one first; empty: nothing is promoted
    tests: bool = True  # only what passed its tests in the environment before
    bake: int = Field(default=0, ge=0, le=43200)  # minutes that it has to have served there


class CiRuns(Section):
    """How a pushed tag's run is found and followed."""

    repository: str = Field(default="", pattern=REPOSITORY)  # read off the remote's URL when empty
    trusted_root: str = ""  # Sigstore's, a file of the repository; empty: the one that the library carries
    appears_within: int = Field(default=60, ge=1)  # seconds
    timeout: int = Field(default=3600, ge=1)  # seconds
    green_before_tag: bool = False
    branch: str = Field(default="main", pattern=REF)  # GitHub's default branch: the workflows that run there
    cleanup_workflow: str = Field(default="cleanup.yml", pattern=WORKFLOW)  # whose jobs delete artifacts; empty: any
    cleanup_branch: str = Field(default="main", pattern=REF)  # where it runs

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        yield from outside("trusted_root", [values.get("trusted_root", "")])
        if number(values, "appears_within", cls) > number(values, "timeout", cls):
            yield "appears_within", "is longer than ci.timeout: make it shorter"


class Webhook(Section):
    """A webhook that is told how deployments end.

    Its address is a secret: the settings name the variable that has it.
    """

    kind: Literal["slack", "teams", "generic"]
    variable: Variable
    when: Literal["always", "failures"] = "always"


class Topic(Section):
    """A topic of SNS that is told how deployments end."""

    arn: str = Field(pattern=TOPIC)
    when: Literal["always", "failures"] = "always"


class Notify(Section):
    """Who gets a message when a deployment ends, beside GitHub."""

    webhooks: Mapping[Name, Webhook] = Field(default_factory=dict)
    topics: Mapping[Name, Topic] = Field(default_factory=dict)
    release: str = Field(default="", pattern=MAYBE_NAME)  # where a final version has to serve to be a release on GitHub

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        for name in table(values, "topics"):
            if name in table(values, "webhooks"):
                yield f"topics.{name}", "has the name of a webhook: give it another"


class Bundle(Section):
    """What goes into the bundle beside the host files.

    `include` are paths of the commit, `built` are built paths that Git does not track.
    """

    include: tuple[Text, ...] = ()
    built: tuple[Text, ...] = ()
    level: int = Field(default=6, ge=1, le=9)  # gzip

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        for key in ("include", "built"):
            yield from outside(key, values.get(key, ()))


class Infra(Section):
    """An environment's infrastructure: Terraform, or another tool's command.

    Both run in a directory of the repository.
    """

    directory: str = ""  # empty: there is nothing to apply
    command: tuple[Text, ...] = ()
    outputs: str = ""  # a JSON file that the command writes, below the directory
    var_files: tuple[Text, ...] = ()  # Terraform's, below the directory; {environment} in them is its name
    plan_only: bool = False
    state_bucket: str = Field(
        default="", pattern=STATE_BUCKET
    )  # {account}, {region}, {environment}; aws.bucket when empty
    state_key: str = Field(
        default="", pattern=STATE_KEY
    )  # likewise; <app>/_infra/<environment>/terraform.tfstate when empty
    lock_timeout: int = Field(default=300, ge=0, le=7200)  # seconds
    variables: Mapping[Variable, str] = Field(default_factory=dict)

    @property
    def is_terraform(self) -> bool:
        return bool(self.directory and not self.command)

    def var_files_of(self, environment: str) -> list[str]:
        """Name the var files of an environment."""
        return [name.replace(PLACE, environment) for name in self.var_files]

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        command = values.get("command")
        if command and not values.get("directory"):
            yield "command", 'needs the directory that it runs in: infra.directory = "."'
        if command and values.get("plan_only"):
            yield "plan_only", "is Terraform's: a command of another tool's has no plan"
        for key in ("state_bucket", "state_key", "var_files"):
            if command and values.get(key):
                yield key, "is Terraform's: remove it, or infra.command"
        for name in table(values, "variables"):
            if name.upper().removeprefix(TWIN) in NAMES:
                yield f"variables.{name}", "is set by tagship itself: give it another name"
        yield from outside("directory", [values.get("directory", "")])
        if values.get("outputs") and not command:
            yield "outputs", "is for infra.command: Terraform's outputs are read without it"
        yield from outside("var_files", values.get("var_files", ()))
        yield from outside("outputs", [values.get("outputs", "")])


class SecretNames(Section):
    """Secret variables, which only the app's host fetches and knows."""

    parameter_store: str = Field(default="", pattern=PARAMETERS)  # a path; every parameter below it is a variable
    secrets_manager: Mapping[Variable, Secret] = Field(default_factory=dict)  # by variable
    kms_key: str = Field(default="", pattern=KEY_ARN)  # the user's own key, which encrypts them
