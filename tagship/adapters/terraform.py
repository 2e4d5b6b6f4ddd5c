"""Terraform 1.11 or later, or another tool's command, in a directory of the repository.

Each environment has a data directory of its own (TF_DATA_DIR) and a generated backend configuration in it, so that
two environments of one directory never share a state, and nothing is written beside the *.tf files. A state is one
object, and its lock another beside it (`use_lockfile`): no table, no workspace.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.program import Program
from tagship.domain import commands
from tagship.domain.infra import Output
from tagship.domain.infra_owned import TerraformFiles
from tagship.domain.infra_plan import PlanSummary, UnreadablePlan, read_plan
from tagship.errors import Held, Refused
from tagship.ports.account import ToolFailed

NEEDED = (1, 11)  # use_lockfile is no longer experimental (Terraform 1.11's changelog)
INSTALL = "Install Terraform 1.11 or later: https://developer.hashicorp.com/terraform/install"
BACKEND = 'terraform { backend "s3" {} }'
CHANGES = 2  # exit code of `plan -detailed-exitcode` if there is something to do
KINDS = {
    "Error: Error acquiring the state lock": "locked",
    "Error: Saved plan is stale": "stale",
    "Error: Provider dependency changes detected": "unpinned",
}
"""Terraform's summaries of errors that the configuration did not cause. The lock itself says who has it."""

# What acts on this sandbox's AWS, or on nothing but Terraform's own state.
SEALED_PROVIDERS = frozenset(
    f"hashicorp/{name}" for name in ("aws", "null", "random", "time", "tls", "archive", "local")
)

# Of the caller's environment, all that another tool gets in the sandbox: what else there is may name a real account.
INHERITED_IN_SANDBOX = re.compile(r"PATH|LANG|LC_\w+|TERM|TZ|TMPDIR|CI|GITHUB_ACTIONS")

# Of the caller's environment: a workspace moves the state, and arguments of one's own could switch locking off.
NOT_INHERITED = re.compile(r"TF_(WORKSPACE|CLI_ARGS.*|DATA_DIR|INPUT|IN_AUTOMATION)")


@dataclass(frozen=True)
class Terraform:
    """The Terraform program; `lock_timeout` is in seconds.

    See tagship.ports.account.Infrastructure.
    """

    aws: Aws
    directory: Path
    data: Path
    bucket: str
    key: str
    lock_timeout: int
    say: Callable[[str], None]
    inherited: Mapping[str, str]
    var_files: Sequence[str] = ()
    pinned: bool = False  # whether providers have to be those of .terraform.lock.hcl
    program: str = "terraform"
    _held: list[IO[bytes]] = field(default_factory=list, repr=False)

    def prepare(self) -> None:
        self._check_version()
        self.data.mkdir(parents=True, exist_ok=True)
        self._hold_folder()
        configuration = self.data / "backend.json"
        configuration.write_text(json.dumps(backend(self.aws, self.bucket, self.key), indent=2) + "\n", "utf-8")
        (self.data / "terraform.tfstate").unlink(missing_ok=True)  # the backend of an earlier init
        pinned = ["-lockfile=readonly"] if self.pinned else []
        self._terraform("init", ["-reconfigure", *pinned, f"-backend-config={configuration}"])
        self._check_backend()
        if self.aws.sandbox:
            require_sealed(self.data / "providers")

    def plan(
        self, to: Path, variables: Mapping[str, str | None], targets: Sequence[str] = (), *, lock: bool = True
    ) -> bool:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.unlink(missing_ok=True)
        words = [self._wait if lock else "-lock=false", "-detailed-exitcode", f"-out={to}"]
        words += [f"-var-file={name}" for name in self.var_files] + [f"-target={name}" for name in targets]
        return self._terraform("plan", words, variables, fine=(0, CHANGES)) == CHANGES

    def summary(self, plan: Path) -> PlanSummary:
        try:
            return read_plan(self._captured("show", "-json", "-no-color", str(plan)))
        except UnreadablePlan as reason:
            raise ToolFailed(f"{self.program} show", 0, f"It wrote a plan that can't be read: {reason}") from reason

    def configuration(self, folder: Path) -> TerraformFiles | None:
        from tagship.adapters.terraform_files import configuration

        return configuration(folder)

    def apply(self, plan: Path, variables: Mapping[str, str | None]) -> None:
        self._terraform("apply", [self._wait, str(plan)], variables)

    def outputs(self) -> Mapping[str, Output]:
        answer = json.loads(self._captured("output", "-json", "-no-color"))
        return {name: Output(output["value"], bool(output["sensitive"])) for name, output in answer.items()}

    def run(self, command: Sequence[str], variables: Mapping[str, str | None]) -> None:
        """Run another tool; a sandbox hides the caller's accounts from it."""
        if not self.aws.sandbox:
            self._program(command, variables, doing=command[0], fine=(0,))
            return
        self.say(
            f"SANDBOX: {command[0]} gets an empty home folder and none of your variables; its AWS is the sandbox's."
        )
        home = self.data / "home"
        home.mkdir(parents=True, exist_ok=True)
        sealed = {name: text for name, text in self.inherited.items() if INHERITED_IN_SANDBOX.fullmatch(name)}
        replace(self, inherited=sealed)._program(command, {**variables, "HOME": str(home)}, doing=command[0], fine=(0,))

    def _hold_folder(self) -> None:
        """Let one run have the data folder until this process ends."""
        # `init` rewrites what another's plan and apply read.
        lock = (self.data / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as reason:
            raise Held(
                f"Another run is working on the infrastructure of {self.data.name} in this checkout.",
                remedy=f"Wait until it ends, then run: {commands.infra(environment=self.data.name)}",
            ) from reason
        self._held.append(lock)

    @property
    def _wait(self) -> str:
        return f"-lock-timeout={self.lock_timeout}s"

    def _terraform(
        self,
        verb: str,
        words: Sequence[str],
        variables: Mapping[str, str | None] | None = None,
        fine: Sequence[int] = (0,),
    ) -> int:
        """Run a terraform command without colour and without questions."""
        # The lines go through a screen that shows control characters.
        command = [self.program, verb, "-input=false", "-no-color", *words]
        return self._program(command, variables or {}, doing=f"{self.program} {verb}", fine=fine)

    def _program(
        self, command: Sequence[str], variables: Mapping[str, str | None], *, doing: str, fine: Sequence[int]
    ) -> int:
        code, errors = Program(command, self.directory, self._environment(variables)).run(self.say)
        if code not in fine:
            raise ToolFailed(doing, code, errors, _kind(errors))
        if errors.strip():
            self.say(errors.rstrip())
        return code

    def _captured(self, *words: str) -> str:
        lines: list[str] = []
        code, errors = Program([self.program, *words], self.directory, self._environment({})).run(lines.append)
        if code:
            raise ToolFailed(f"{self.program} {words[0]}", code, errors)
        return "\n".join(lines)

    def _environment(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        return environment(self.inherited, {**self._own(), **variables})

    def _own(self) -> dict[str, str | None]:
        own: dict[str, str | None] = {
            "TF_DATA_DIR": str(self.data),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "AWS_REGION": self.aws.region,
            "AWS_DEFAULT_REGION": self.aws.region,  # the name that boto3 and the AWS CLI read
        }
        if self.aws.profile:
            own["AWS_PROFILE"] = self.aws.profile
        return {**own, **(sandboxed(self.aws, self.inherited) if self.aws.sandbox else {})}

    def _check_version(self) -> None:
        try:
            installed = str(json.loads(self._captured("version", "-json"))["terraform_version"])
        except Refused as reason:
            raise Refused(f"There is no {self.program} on PATH.", remedy=INSTALL) from reason
        except (ValueError, KeyError) as reason:
            raise Refused(f"{self.program} did not print its version.", remedy=INSTALL) from reason
        if version(installed) < NEEDED:
            raise Refused(f"{self.program} {installed} is too old: it cannot lock a state in S3.", remedy=INSTALL)

    def _check_backend(self) -> None:
        """Refuse a configuration that keeps its state elsewhere than in S3."""
        # Terraform's own record says so; without a backend block the state would stay on this machine.
        try:
            record: Any = json.loads((self.data / "terraform.tfstate").read_text("utf-8"))
            actual = (
                record["backend"]["type"],
                record["backend"]["config"]["bucket"],
                record["backend"]["config"]["key"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            actual = ("none", "", "")
        if actual != ("s3", self.bucket, self.key):
            raise Refused(
                f"The configuration in {self.directory} does not keep its state in S3 (backend: {actual[0]}).",
                remedy=f"Put this into one of its files, instead of any other backend: {BACKEND}",
            )


def require_sealed(installed: Path) -> None:
    """Raise Refused if `init` installed a provider that leaves the sandbox."""
    providers = {"/".join(path.parts[-2:]) for path in installed.glob("*/*/*") if path.is_dir()}
    outside = sorted(providers - SEALED_PROVIDERS)
    if outside:
        raise Refused(
            f"In the sandbox Terraform may not use {', '.join(outside)}: the sandbox simulates AWS alone, so that "
            "provider would act on the real service.",
            remedy="Practise with a directory that needs hashicorp/aws alone: infra.directory in tagship.toml",
        )


def backend(aws: Aws, bucket: str, key: str) -> dict[str, object]:
    """Write what `terraform init -backend-config` reads."""
    values: dict[str, object] = {
        "bucket": bucket,
        "key": key,
        "region": aws.region,
        "use_lockfile": True,
        "encrypt": True,
    }
    if aws.profile:
        values["profile"] = aws.profile
    if aws.endpoint:
        values |= {
            "endpoints": {"s3": aws.endpoint},
            "use_path_style": True,
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "skip_region_validation": True,
            "skip_requesting_account_id": True,
        }
    return values


def environment(inherited: Mapping[str, str], own: Mapping[str, str | None]) -> dict[str, str]:
    """Join the inherited variables and a tool's own."""
    # Inherited ones that change where or how the tool works are left out. None among the own ones unsets a variable.
    passed = {name: value for name, value in inherited.items() if not NOT_INHERITED.fullmatch(name)}
    return {name: value for name, value in {**passed, **own}.items() if value is not None}


def sandboxed(aws: Aws, inherited: Mapping[str, str]) -> dict[str, str | None]:
    """Return variables that keep the caller's account from a sandbox's tool."""
    away = {name: None for name in inherited if name.startswith("AWS_")}
    loopback = ",".join(filter(None, [inherited.get("NO_PROXY", ""), "127.0.0.1"]))
    return {
        **away,
        "AWS_ACCESS_KEY_ID": aws.keys[0],
        "AWS_SECRET_ACCESS_KEY": aws.keys[1],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,  # a profile that a configuration names is the caller's account
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_REGION": aws.region,
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def version(text: str) -> tuple[int, ...]:
    """Read `1.11.4` or `1.12.0-beta1` as comparable numbers; else empty."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return tuple(int(number) for number in match.groups()) if match else ()


def _kind(errors: str) -> str:
    return next((kind for summary, kind in KINDS.items() if summary in errors), "failed")
