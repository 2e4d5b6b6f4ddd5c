"""The App: every port a verb may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tagship.domain.keys import RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tagship.ports.account import Calendar, Foundation, Infrastructure, Keys, Secrets
    from tagship.ports.attestations import Attestations
    from tagship.ports.board import Board, Hook
    from tagship.ports.bucket import Freezes, Leases, Ledger, Store
    from tagship.ports.ci import Ci
    from tagship.ports.figures import FigureLog
    from tagship.ports.forge import Forge
    from tagship.ports.hooks import HookRunner
    from tagship.ports.images import Builder, Registry
    from tagship.ports.machine import Machine, Packager
    from tagship.ports.people import Clock, Prompt, Screen
    from tagship.ports.repository import Repository, Surroundings
    from tagship.ports.site import Site
    from tagship.ports.target import Target, Web
    from tagship.settings import Settings


class Beginning(Protocol):
    """What a verb is given before a repository has settings."""

    @property
    def screen(self) -> Screen: ...
    @property
    def prompt(self) -> Prompt: ...
    @property
    def surroundings(self) -> Surroundings: ...


class App(Protocol):
    """What a verb is given.

    Each port is made when it is first used: a verb pays only for what it talks to.
    """

    @property
    def settings(self) -> Settings: ...
    @property
    def root(self) -> Path: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def screen(self) -> Screen: ...
    @property
    def prompt(self) -> Prompt: ...
    @property
    def repository(self) -> Repository: ...
    @property
    def surroundings(self) -> Surroundings: ...
    @property
    def store(self) -> Store: ...
    @property
    def builder(self) -> Builder: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def freezes(self) -> Freezes: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def web(self) -> Web: ...
    @property
    def ci(self) -> Ci: ...
    @property
    def machine(self) -> Machine: ...
    @property
    def packager(self) -> Packager: ...
    @property
    def forge(self) -> Forge | None:
        """Connect to CI; None without a token."""

    @property
    def board(self) -> Board | None:
        """Connect to where the forge tells people; None without a token."""

    @property
    def attestations(self) -> Attestations:
        """Return what verifies the forge's attestations."""

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """Return the webhooks of the settings, by name."""

    def at(self, environment: str) -> Account:
        """Return the app in an environment's AWS account and region."""

    def regions(self, environment: str) -> Sequence[Account]:
        """Return the app in each region of an environment, with it alone."""

    def in_region(self, environment: str, region: str) -> Account:
        """Return the app in a region that an environment left."""

    @property
    def accounts(self) -> Sequence[Account]:
        """Return the app in each of its accounts, as `at` does."""

    @property
    def hurried(self) -> App:
        """Return the same app with seconds for AWS to answer."""
        # For questions that one can do without.

    @property
    def who(self) -> str:
        """Say who is acting, and where: "ada@laptop", "run 4711 (octocat)"."""

    @property
    def signed_in(self) -> bool:
        """Tell whether there are AWS credentials, without asking anybody."""
        # A developer needs none.

    @property
    def run_url(self) -> str:
        """Return the page of this process's CI run; empty outside CI."""

    def keys(self, environment: str, purpose: str = RELEASE) -> Keys:
        """Return an environment's keys for a purpose.

        Raises SettingsError if the settings name none.
        """

    def target(self, environment: str) -> Target:
        """Connect to what an environment runs on, with outputs filled in."""

    def unfilled(self, environment: str) -> Target:
        """Connect to it as the settings are, for what needs no outputs."""
        # Such as a bundle, which is made before there are any.

    def filled(self, environment: str) -> Settings:
        """Return the settings with an environment's known outputs."""

    def with_outputs(self, environment: str, outputs: Mapping[str, str]) -> App:
        """Return the same app, with these outputs filled in."""

    def site(self, environment: str, static_set: str) -> Site:
        """Open the place that an environment serves a static set from."""

    @property
    def report_site(self) -> Site:
        """Open the place that a report is published to."""

    def infrastructure(self, environment: str) -> Infrastructure: ...

    def state_place(self, environment: str) -> tuple[str, str]:
        """Locate an environment's Terraform state: bucket and key.

        Raises ServiceFailed if they have the account's id, and AWS doesn't say it.
        """

    def state_store(self, environment: str) -> Store:
        """Open the bucket that holds an environment's Terraform state."""


class Account(App, Protocol):
    """The app in one AWS account and region.

    Its settings have the environments of that account alone, and their `aws` is the account. The bucket's ports are
    those of the app: a key names its environment, whose bucket it is in.
    """

    @property
    def secrets(self) -> Secrets: ...
    @property
    def calendar(self) -> Calendar: ...
    @property
    def foundation(self) -> Foundation: ...
    @property
    def hook_runner(self) -> HookRunner: ...
    @property
    def figures(self) -> FigureLog:
        """Open the log that metrics are made of."""

    @property
    def caller(self) -> str:
        """Return the ARN that AWS knows this process by; empty if unknown."""
        # `who` is what a process says of itself.
