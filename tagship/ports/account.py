"""What an AWS account gives: keys, secrets, change calendars, stacks, infrastructure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagship.domain.foundation import Existing, Stack
from tagship.domain.infra import Output
from tagship.domain.infra_owned import TerraformFiles
from tagship.domain.infra_plan import PlanSummary


class Signer(Protocol):
    """ECDSA P-256 over the bytes given, DER-encoded.

    `openssl dgst -sha256 -verify` reads it.
    """

    def sign(self, raw: bytes) -> bytes: ...


class Verifier(Protocol):
    def verify(self, raw: bytes, signature: bytes, where: str, key: str = "") -> None:
        """Raise NotAuthentic unless a key that counts signed these bytes.

        `key` is the id of the one that has to have; empty: any. The error names `where`.
        """

    def public_keys(self) -> Mapping[str, str]:
        """Return the keys that count, as id -> PEM.

        The first is the one that signs. Revoked ones are not among them. Raises SettingsError without any.
        """


@dataclass(frozen=True)
class Keys:
    """The keys of one environment for one purpose; see tagship.domain.keys."""

    signer: Signer
    verifier: Verifier

    @property
    def id(self) -> str:
        """Return the id of the key that signs."""
        return next(iter(self.verifier.public_keys()))


class Secrets(Protocol):
    """Parameter Store and Secrets Manager, by names and versions.

    No value is ever asked for.
    """

    def parameters(self, path: str) -> Mapping[str, str]:
        """Map every parameter below a path to its newest version's number."""

    def current(self, name: str) -> str:
        """Return the version id that is labelled AWSCURRENT. Raises Refused."""


@dataclass(frozen=True)
class Window:
    """What a change calendar says.

    `open`: whether changes are allowed; `changes`: when that changes (None: it does not say).
    """

    open: bool
    changes: datetime | None = None


class Calendar(Protocol):
    def state(self, name: str) -> Window:
        """Ask a calendar. Raises Refused, with the remedy, if that fails."""


class ToolFailed(Exception):
    """An infrastructure tool failed.

    `said` is its own words, `code` its exit code.
    `kind`: locked (another run has the state), stale (the state changed after the plan was made), or failed.
    """

    def __init__(self, doing: str, code: int, output: str, kind: str = "failed") -> None:
        super().__init__(doing)
        self.doing, self.code, self.said, self.kind = doing, code, output, kind


class Infrastructure(Protocol):
    """The tool that changes an environment's infrastructure.

    Its output is shown as it comes. `variables` are put into its environment (None: taken out of it). Raises
    ToolFailed, or Refused if the tool is missing. Ctrl-C and SIGTERM are passed on to it, and KeyboardInterrupt is
    raised when it has ended.
    """

    def prepare(self) -> None:
        """Tie the directory to the environment's state.

        Raises Refused if its configuration keeps the state elsewhere.
        """

    def plan(
        self, to: Path, variables: Mapping[str, str | None], targets: Sequence[str] = (), *, lock: bool = True
    ) -> bool:
        """Save a plan; return whether it changes anything.

        With `targets`, of these resources and what they need alone. Without `lock`, nothing is written to the state's
        bucket: a plan that another run overtook is stale, and is not applied.
        """

    def summary(self, plan: Path) -> PlanSummary:
        """Say what a saved plan would do, without its values."""

    def configuration(self, folder: Path) -> TerraformFiles | None:
        """Read a folder's *.tf files; None without a parser for them."""

    def apply(self, plan: Path, variables: Mapping[str, str | None]) -> None:
        """Do exactly what a saved plan says."""

    def outputs(self) -> Mapping[str, Output]: ...

    def run(self, command: Sequence[str], variables: Mapping[str, str | None]) -> None:
        """Run another tool's command in the same place."""


@dataclass(frozen=True)
class ImageRepository:
    """How ECR keeps the images of a repository.

    `movable`: a push may move a tag. `lifecycle` is its lifecycle policy, as JSON text; empty without one.
    """

    movable: bool
    lifecycle: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """Stacks of other regions: region, name.

    `unknown` are regions that could not be asked.
    """

    stacks: Sequence[tuple[str, str]] = ()
    unknown: Sequence[str] = ()


class Foundation(Protocol):
    """What an account needs before anything can be shipped.

    Stacks, documents, and whatever was there before them.
    """

    def found(self, bucket: str, key: str, repository: str) -> Existing:
        """Look for these, and for GitHub's OIDC provider.

        `key` is as in the settings.
        """

    def key(self, key: str) -> str:
        """Return the ARN of a `kms:` key; empty without one.

        Raises ServiceFailed if it can't be made: an id or an ARN. Refused if it signs nothing.
        """

    def has_repository(self, name: str) -> bool:
        """Tell whether ECR has an image repository of that name."""

    def image_repository(self, name: str) -> ImageRepository | None:
        """Return how ECR keeps the images of a repository."""

    def tagged(self, app: str) -> Sequence[str]:
        """List the environments that resources of an app are tagged with.

        Their tags are tagship:app and tagship:environment. Deleted resources may be among them for a while.
        """

    def bucket_gaps(self, bucket: str, app: str) -> Sequence[str]:
        """List, in words, what a bucket that we did not make lacks."""

    def public_key(self, key: str) -> str:
        """Return a `kms:` key's public half as PEM.

        Raises Refused unless it is an ECC_NIST_P256 key that signs.
        """

    def stack(self, name: str) -> Stack | None: ...

    def stacks_elsewhere(self, names: Sequence[str]) -> Elsewhere:
        """List which of these stacks are in other regions of the account."""

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        """Create or update a stack, and wait until it is done.

        Raises ServiceFailed with the resource that failed.
        """

    def remove_stack(self, name: str) -> None:
        """Delete a stack, protected or not, and wait until it is gone.

        Raises ServiceFailed with the resource that could not be deleted.
        """

    def remove_document(self, name: str) -> None: ...

    def document(self, name: str) -> str | None:
        """Return the content of an SSM document's default version."""

    def put_document(self, name: str, content: str) -> str:
        """Make `content` the default version, once; return that version's number."""
