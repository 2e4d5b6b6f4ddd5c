"""The App of the tests: every port played by hand, and a way to publish an artifact without a build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from tagship.domain import layout
from tagship.domain.keys import ORDERS, RELEASE
from tagship.domain.manifest import BundleRef, Manifest, sha256
from tagship.domain.origin import Origin
from tagship.ports.account import Foundation, Infrastructure, Keys, Secrets
from tagship.ports.app import App
from tagship.ports.attestations import Attestations
from tagship.ports.board import Board, Hook
from tagship.ports.forge import Forge
from tagship.ports.hooks import HookRunner
from tagship.ports.images import Builder, Registry
from tagship.ports.machine import Machine, Packager
from tagship.ports.repository import Repository, Surroundings
from tagship.ports.site import Site
from tagship.settings import Settings, settings_of
from tests.fakes.ci import FakeCi
from tests.fakes.clock import FakeClock
from tests.fakes.figures import FakeFigures
from tests.fakes.freezes import FakeCalendar, FakeFreezes
from tests.fakes.leases import FakeLeases
from tests.fakes.ledger import FakeLedger
from tests.fakes.prompt import FakePrompt
from tests.fakes.screen import FakeScreen
from tests.fakes.signing import WordSigner
from tests.fakes.store import MemoryStore
from tests.fakes.target import FakeTarget
from tests.fakes.web import FakeWeb

VALUES: dict[str, Any] = {
    "app": "hello",
    "aws": {"bucket": "hello-artifacts"},
    "signing": {"key": "release.key.pem", "public_key": "release.pub.pem"},
    "environments": {
        "dev": {
            "branch": "dev",
            "ec2": {
                "tags": {"tagship:app": "hello", "tagship:environment": "dev"},
                "command": ["python3", "app.py"],
            },
        }
    },
}
COMMITTED = "2026-11-20T11:30:00Z"  # half an hour before it was built
ORIGIN = Origin("0" * 40, "dev", "2026-11-20T12:00:00Z", "4711", builder="ada@laptop")


def settings(**changes: Any) -> Settings:
    return settings_of().model_validate_json(json.dumps({**VALUES, **changes}))


def environments(*, ec2: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The `environments` table with values of dev and of its hosts changed: `environments(ec2={"keep": 5})`."""
    dev = VALUES["environments"]["dev"]
    return {"dev": {**dev, **changes, "ec2": {**dev["ec2"], **(ec2 or {})}}}


@dataclass
class FakeApp:
    """What a port that a test does not give would talk to does not exist: asking for it fails the test."""

    settings: Settings = field(default_factory=settings)
    root: Path = Path("/nowhere")
    clock: FakeClock = field(default_factory=FakeClock)
    screen: FakeScreen = field(default_factory=FakeScreen)
    prompt: FakePrompt = field(default_factory=lambda: FakePrompt(possible=False))
    signer: WordSigner = field(default_factory=WordSigner)
    verifier: WordSigner = field(default_factory=WordSigner)
    orderer: WordSigner | None = None  # the keys for orders, where they are keys of their own
    ledger: FakeLedger = field(default_factory=FakeLedger)
    hosts: FakeTarget = field(default_factory=FakeTarget)
    web: FakeWeb = field(default_factory=FakeWeb)
    ci: FakeCi = field(default_factory=FakeCi)
    who: str = "ada@laptop"
    caller: str = "arn:aws:iam::123456789012:user/ada"
    run_url: str = ""
    signed_in: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    calendar: FakeCalendar = field(default_factory=FakeCalendar)
    figures: FakeFigures = field(default_factory=FakeFigures)
    store: MemoryStore = None  # type: ignore[assignment]
    leases: FakeLeases = None  # type: ignore[assignment]
    freezes: FakeFreezes = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        groups = {name: self.settings.lease_group(name) for name in self.settings.environments}
        self.store = self.store or MemoryStore(clock=self.clock)
        self.leases = self.leases or FakeLeases(self.clock, groups)
        self.freezes = self.freezes or FakeFreezes(self.clock)

    @property
    def repository(self) -> Repository:
        return cast(Repository, self.given["repository"])

    @property
    def surroundings(self) -> Surroundings:
        return cast(Surroundings, self.given.get("surroundings", Surroundings(self.root)))

    @property
    def forge(self) -> Forge | None:
        return cast("Forge | None", self.given.get("forge"))

    @property
    def board(self) -> Board | None:
        return cast("Board | None", self.given.get("board"))

    @property
    def attestations(self) -> Attestations:
        return cast("Attestations", self.given["attestations"])

    @property
    def hooks(self) -> Mapping[str, Hook]:
        return cast("Mapping[str, Hook]", self.given.get("hooks", {}))

    @property
    def hook_runner(self) -> HookRunner:
        return cast(HookRunner, self.given["hook_runner"])

    @property
    def hurried(self) -> FakeApp:
        return self

    def unfilled(self, environment: str) -> Any:
        return self.target(environment)

    def filled(self, environment: str) -> Settings:
        from tagship.adapters.outputs import filled

        return filled(self, environment)

    def with_outputs(self, environment: str, outputs: Mapping[str, str]) -> FakeApp:
        from tagship.settings.late import with_outputs

        return replace(self, settings=with_outputs(self.settings, environment, outputs))

    def at(self, environment: str) -> FakeApp:
        return self

    def regions(self, environment: str) -> list[FakeApp]:
        return [self]

    def in_region(self, environment: str, region: str) -> FakeApp:
        return self

    @property
    def accounts(self) -> list[FakeApp]:
        return [self]

    @property
    def secrets(self) -> Secrets:
        return cast(Secrets, self.given["secrets"])

    @property
    def builder(self) -> Builder:
        return cast(Builder, self.given["builder"])

    @property
    def registry(self) -> Registry:
        return cast(Registry, self.given["registry"])

    @property
    def machine(self) -> Machine:
        return cast(Machine, self.given["machine"])

    @property
    def packager(self) -> Packager:
        return cast(Packager, self.given["packager"])

    def site(self, environment: str, static_set: str) -> Site:
        return cast(Site, self.given[f"site {environment} {static_set}"])

    @property
    def report_site(self) -> Site:
        return cast(Site, self.given["report_site"])

    @property
    def foundation(self) -> Foundation:
        return cast(Foundation, self.given["foundation"])

    def keys(self, environment: str, purpose: str = RELEASE) -> Keys:
        if purpose == ORDERS and self.orderer:
            return Keys(self.orderer, self.orderer)
        return Keys(self.signer, self.verifier)

    def infrastructure(self, environment: str) -> Infrastructure:
        return cast(Infrastructure, self.given["infrastructure"])

    def state_place(self, environment: str) -> tuple[str, str]:
        return self.settings.state(environment, "123456789012")

    def state_store(self, environment: str) -> MemoryStore:
        return self.store

    def target(self, environment: str) -> FakeTarget:
        """The same hosts for every environment, under the rules of this one."""
        chosen = self.settings.environment(environment)
        self.hosts.rules = chosen.target.rules
        self.hosts.carried = lambda: chosen.target.files(environment, chosen, self.settings.aws.region)
        return self.hosts

    def publish(self, *versions: str, environment: str = "dev", signed: bool = True) -> None:
        """Store each version's bundle, manifest and, where it is `signed`, signature."""
        for version in versions:
            body = f"the bundle of {version}".encode()
            key = layout.artifact("hello", environment, version, layout.BUNDLE)
            bundle = BundleRef(key, sha256(body), len(body), "0" * 64)
            manifest = Manifest(
                "hello",
                environment,
                version,
                version,
                ORIGIN.commit_sha,
                ORIGIN.branch,
                version,
                ORIGIN.build_time,
                ORIGIN.builder,
                bundle,
                files={"VERSION": "0" * 64},
                signed_by=self.keys(environment).id if signed else "",
                committed=COMMITTED,
            )
            raw = manifest.to_json()
            self._put(environment, version, layout.BUNDLE, body)
            if signed:
                self._put(environment, version, layout.SIGNATURE, self.signer.sign(raw))
            self._put(environment, version, layout.MANIFEST, raw)

    def remove(self, version: str, environment: str = "dev") -> None:
        """What `cleanup` does to an artifact."""
        prefix = f"{layout.artifacts('hello', environment)}{version}/"
        for key in [one for one in self.store.objects if one.startswith(prefix)]:
            del self.store.objects[key]

    def _put(self, environment: str, version: str, name: str, body: bytes) -> None:
        self.store.create(layout.artifact("hello", environment, version, name), body, ORIGIN.metadata())


def _is_an_app(app: FakeApp) -> App:
    return app
