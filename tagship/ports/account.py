"""What an AWS account gives: keys, secrets, change calendars, stacks, infrastructure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagship.domain.foundation import Existing, Stack
from tagship.domain.infra import Output


class Signer(Protocol):
    """ECDSA P-256 over the bytes given, DER-encoded, as `openssl dgst -sha256 -verify` reads it."""

    def sign(self, raw: bytes) -> bytes: ...


class Verifier(Protocol):
    def verify(self, raw: bytes, signature: bytes, where: str) -> None:
        """Raises NotAuthentic, naming `where`, when the signature is not of these bytes by the pinned key."""

    def public_key(self) -> str:
        """The key as PEM: what hosts pin."""


class Secrets(Protocol):
    """Parameter Store and Secrets Manager, by names and versions: no value is ever asked for."""

    def parameters(self, path: str) -> Mapping[str, str]:
        """Every parameter below a path, and the number of its newest version."""

    def current(self, name: str) -> str:
        """The version id of a secret that is labelled AWSCURRENT; raises Refused where there is none."""


@dataclass(frozen=True)
class Window:
    """What a change calendar says: whether changes are allowed, and when that changes (None: it does not say)."""

    open: bool
    changes: datetime | None = None


class Calendar(Protocol):
    def state(self, name: str) -> Window:
        """Raises Refused, with the remedy, where the calendar cannot be asked."""


class ToolFailed(Exception):
    """An infrastructure tool did not do it. `said` is its own words, `code` its exit code.

    `kind`: locked (another run has the state), stale (the state changed after the plan was made), or failed.
    """

    def __init__(self, doing: str, code: int, said: str, kind: str = "failed") -> None:
        super().__init__(doing)
        self.doing, self.code, self.said, self.kind = doing, code, said, kind


class Infrastructure(Protocol):
    """The tool that changes what an environment stands on. What it says is shown as it says it.

    `variables` are put into its environment (None: taken out of it). Raises ToolFailed; Refused where the tool is
    missing. Ctrl-C and SIGTERM are passed on to it, and KeyboardInterrupt is raised when it has ended.
    """

    def prepare(self) -> None:
        """Tie the directory to the environment's state; raises Refused where its configuration keeps it elsewhere."""

    def plan(self, to: Path, variables: Mapping[str, str | None]) -> bool:
        """Save a plan; returns whether it changes anything."""

    def apply(self, plan: Path, variables: Mapping[str, str | None]) -> None:
        """Do exactly what a saved plan says."""

    def outputs(self) -> Mapping[str, Output]: ...

    def run(self, command: Sequence[str], variables: Mapping[str, str | None]) -> None:
        """Run another tool's command in the same place."""


class Foundation(Protocol):
    """What an account has before anything can be shipped: stacks, documents, and what stood there before us."""

    def found(self, bucket: str, key: str, repository: str) -> Existing:
        """What is there of these, and of GitHub's OIDC provider; `key` is as in the settings."""

    def bucket_gaps(self, bucket: str) -> Sequence[str]:
        """What a bucket that we did not make lacks, in words."""

    def public_key(self, key: str) -> str:
        """The public half of a `kms:` key as PEM; raises Refused where it is no ECC_NIST_P256 key that signs."""

    def stack(self, name: str) -> Stack | None: ...

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        """Create or update a stack and wait until it is done; raises ServiceFailed with the resource that failed."""

    def document(self, name: str) -> str | None:
        """The content of an SSM document's default version."""

    def put_document(self, name: str, content: str) -> str:
        """Make `content` the default version, once; returns that version's number."""
