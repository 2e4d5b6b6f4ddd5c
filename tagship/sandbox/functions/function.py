"""A function as Lambda keeps it: $LATEST, its update, its versions and its aliases."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tagship.sandbox.pace import now

LATEST = "$LATEST"


def revision() -> str:
    """Make a RevisionId."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Snapshot:
    """Code and configuration: all that decides what an invocation runs.

    `settings` are the members of FunctionConfiguration that a request sets.
    """

    archive: bytes
    settings: Mapping[str, Any]
    image: str = ""  # the address that a request named; empty for a zip file
    digest: str = ""  # what it was resolved to

    @property
    def code_sha256(self) -> str:
        """Return the zip file's hash in base64, or the image's digest."""
        if self.image:
            return self.digest.rpartition(":")[2]
        return base64.b64encode(hashlib.sha256(self.archive).digest()).decode()

    @property
    def config_sha256(self) -> str:
        text = json.dumps(dict(self.settings), sort_keys=True)
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    def same(self, other: Snapshot) -> bool:
        """Tell whether publishing the one after the other would make no version."""
        return (self.code_sha256, self.config_sha256) == (other.code_sha256, other.config_sha256)


@dataclass
class Version:
    """A published version; `state` is what it will be once `ready`."""

    number: str
    content: Snapshot
    description: str
    revision: str
    modified: datetime
    ready: datetime
    state: str = "Active"
    reason: str = ""
    code: str = ""  # StateReasonCode

    @property
    def current_state(self) -> str:
        return self.state if now() >= self.ready else "Pending"


@dataclass
class Alias:
    """A name for a version, and for a share of another."""

    name: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    revision: str = field(default_factory=revision)


@dataclass(frozen=True)
class Provisioned:
    """Provisioned concurrency of an alias, there or not once `ready`."""

    wanted: int
    ready: datetime
    failed: bool = False


@dataclass
class Function:
    """One function; `content` is $LATEST as it was last asked to be.

    While an update is in progress, invocations run what was there `before`. Numbers of versions are never used again.
    """

    name: str
    content: Snapshot
    revision: str = field(default_factory=revision)
    modified: datetime = field(default_factory=now)
    before: Snapshot | None = None
    ready: datetime = field(default_factory=now)
    failure: tuple[str, str] = ("", "")  # LastUpdateStatusReasonCode and its words, of the last update
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    published: int = 0
    reserved: int | None = None  # concurrency
    provisioned: dict[str, Provisioned] = field(default_factory=dict)  # by alias
    urls: dict[str, str] = field(default_factory=dict)  # AuthType, by qualifier
    executions: list[tuple[str, str]] = field(default_factory=list)  # that have not ended: version and name
    policies: dict[str, list[Any]] = field(default_factory=dict)  # statements, by qualifier
    tags: dict[str, str] = field(default_factory=dict)

    def settle(self) -> None:
        """End an update whose time has come: its RevisionId changes once more."""
        if self.before is not None and now() >= self.ready:
            self.before, self.revision = None, revision()

    @property
    def updating(self) -> bool:
        return self.before is not None

    @property
    def update_status(self) -> str:
        return "InProgress" if self.updating else "Failed" if self.failure[0] else "Successful"

    @property
    def runs(self) -> Snapshot:
        """Return what an invocation of $LATEST runs now."""
        return self.before or self.content

    def update(self, content: Snapshot, ready: datetime, failure: tuple[str, str]) -> None:
        """Begin an update, which takes until `ready`."""
        old = self.runs
        self.before, self.content, self.ready = old, old if failure[0] else content, ready
        self.failure, self.revision, self.modified = failure, revision(), now()

    def publish(self, description: str, ready: datetime) -> Version:
        """Make a version of $LATEST, or return the last if nothing changed."""
        last = self.versions.get(str(self.published))
        if last and last.content.same(self.content):
            return last
        self.published += 1
        number = str(self.published)
        content = replace(self.content, settings=dict(self.content.settings))
        self.versions[number] = Version(number, content, description, revision(), now(), ready)
        return self.versions[number]
