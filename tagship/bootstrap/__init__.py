"""Settings -> App: the only module that names adapters. Each is imported and made on first use."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tagship import settings
from tagship.bootstrap.storage import Storage
from tagship.bootstrap.terminal import Unsettled
from tagship.errors import SettingsError
from tagship.settings.previews import place_of_keys

__all__ = ["Unsettled", "Wiring", "app", "debugging"]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tagship.ports.account import Foundation, Infrastructure, Keys, Secrets
    from tagship.ports.attestations import Attestations
    from tagship.ports.board import Board, Hook
    from tagship.ports.forge import Forge
    from tagship.ports.hooks import HookRunner
    from tagship.ports.images import Builder, Registry
    from tagship.ports.machine import Machine, Packager
    from tagship.ports.people import Clock
    from tagship.ports.repository import Repository, Surroundings
    from tagship.ports.target import Target, Web


@dataclass(frozen=True)
class Wiring(Storage):
    """The ports of one repository's settings; see tagship.ports.app.App."""

    settings: settings.Settings
    root: Path
    as_json: bool = False
    hurries: Wiring | None = None  # whose clients this one's are made of; see `hurried`
    whole: Wiring | None = None  # with the environments of every account, if this is the app in one of them

    @cached_property
    def hurried(self) -> Wiring:
        """Return the same app, for questions that AWS has seconds for."""
        if self.whole:
            return self.whole.hurried.at(next(iter(self.settings.environments)))
        made = replace(self, hurries=self)
        vars(made).update(screen=self.screen, prompt=self.prompt, ci=self.ci)
        return made

    @cached_property
    def clock(self) -> Clock:
        from tagship.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def repository(self) -> Repository:
        from tagship.adapters.git import GitRepository

        inside = self._sandbox_folder() if self.settings.sandbox else None
        remote, prefix = self.settings.git.remote, self.settings.tags.prefix
        return GitRepository(self.root, remote, self.screen.say, inherited=os.environ, inside=inside, prefix=prefix)

    @cached_property
    def surroundings(self) -> Surroundings:
        from tagship.adapters.git.surroundings import surroundings

        return surroundings(self.root, os.environ)

    def _sandbox_folder(self) -> Path:
        """Return the folder that a sandbox may touch, up or down."""
        from tagship.sandbox.lifecycle import home
        from tagship.sandbox.state import FOLDER

        return home(self.root) / FOLDER

    @cached_property
    def machine(self) -> Machine:
        from tagship.adapters.machine import LocalMachine

        return LocalMachine(os.environ)

    @cached_property
    def packager(self) -> Packager:
        from tagship.adapters.machine import LocalPackager

        return LocalPackager(os.environ, self.screen.say)

    def keys(self, environment: str, purpose: str = "release") -> Keys:
        from tagship.adapters.signing import PemVerifier, signer
        from tagship.ports.account import Keys

        signing = self.settings.signing
        revoked = signing.revoked if signing else ()
        key, public_key, setting = self._pair(environment, purpose)
        owner = (
            self.whole if self.whole and self.settings.images_in else self
        )  # the keys are in an environment's first region
        return Keys(
            signer(key, owner.at(environment).aws, setting), PemVerifier(Path(public_key), frozenset(revoked), setting)
        )

    def _pair(self, environment: str, purpose: str) -> tuple[str, str, str]:
        """Name a pair of keys, or the sandbox's, and its setting."""
        signing, environment = self.settings.signing, place_of_keys(self.settings, environment)
        if signing is None and not self.sandbox:
            raise SettingsError(
                "tagship.toml has no [signing] table, so there is no key to sign or verify with.",
                remedy="Name key and public_key under [signing] in tagship.toml",
            )
        key, public_key = signing.pair(environment, purpose) if signing else ("", "")
        if self.sandbox:
            from tagship.sandbox.pairs import pair_of

            pair = pair_of(self.sandbox.folder, signing, environment, purpose)
            return key if key.startswith("kms:") else str(pair.private), str(pair.public), "signing."
        setting = "signing.order_" if signing and signing.has_own(purpose) else "signing."
        return key if key.startswith("kms:") else str(self.root / key), str(self.root / public_key), setting

    @cached_property
    def secrets(self) -> Secrets:
        from tagship.adapters.aws.secrets import AwsSecrets

        return AwsSecrets(self.aws)

    @cached_property
    def builder(self) -> Builder:
        if self.sandbox:
            return self.sandbox.images(self.screen.say)
        from tagship.adapters.docker import Docker

        return Docker(os.environ, say=self.screen.say)

    @cached_property
    def registry(self) -> Registry:
        if self.sandbox:
            return self.sandbox.images(self.screen.say)
        from tagship.adapters.aws.ecr import Ecr
        from tagship.adapters.docker import Docker

        others = {app.settings.aws.account: partial(getattr, app, "aws") for app in self.accounts}
        return Ecr(self.aws, Docker(os.environ), others=others)

    @cached_property
    def forge(self) -> Forge | None:
        if self.sandbox:
            from tagship.adapters.github import connect

            name = self.settings.ci.repository or "sandbox/" + self.settings.app
            return connect(name, self.sandbox.github_url, self.sandbox.keys.token, sandbox=True)
        from tagship.domain.forge import repository_of

        address = self.settings.ci.repository or self.repository.remote_url()
        if repository_of(address) is None:
            return None
        from tagship.adapters.github import connect

        return connect(address, variables=os.environ)

    @cached_property
    def attestations(self) -> Attestations:
        from tagship.adapters.attestations import SigstoreAttestations

        root = self.settings.ci.trusted_root
        return SigstoreAttestations(self.root / root if root else None)

    @cached_property
    def board(self) -> Board | None:
        from tagship.adapters.github import GitHub
        from tagship.adapters.github_board import GitHubBoard

        return GitHubBoard(self.forge.client) if isinstance(self.forge, GitHub) else None

    @cached_property
    def hooks(self) -> Mapping[str, Hook]:
        from tagship.adapters.webhook import hooks

        receivers: dict[str, Hook] = {**hooks(self.settings.notify.webhooks, os.environ, local=self.settings.sandbox)}
        if self.settings.notify.topics:
            from tagship.adapters.aws.topics import topics

            receivers |= topics(self.settings.notify.topics, self.aws)
        return receivers

    @cached_property
    def hook_runner(self) -> HookRunner:
        from tagship.adapters.hook_runner import LocalHookRunner

        withheld = [webhook.variable for webhook in self.settings.notify.webhooks.values()]
        home = settings.own(self.root) / "hooks" / "home"
        return LocalHookRunner(self.aws, self.root, home, self.screen.say, os.environ, withheld)

    @cached_property
    def web(self) -> Web:
        from tagship.adapters.http import Http, SandboxHttp

        return SandboxHttp() if self.settings.sandbox else Http()

    @cached_property
    def foundation(self) -> Foundation:
        from tagship.adapters.aws.foundation import AccountFoundation

        return AccountFoundation(self.aws, self.clock)

    @property
    def who(self) -> str:
        if self.ci.run:
            return f"run {self.ci.run} ({self.ci.actor or 'ci'})"
        return f"{_user()}@{socket.gethostname()}"

    @cached_property
    def caller(self) -> str:
        from tagship.adapters.aws.identity import caller

        return caller(self.hurried.aws)

    @property
    def signed_in(self) -> bool:
        names = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
        given = any(os.environ.get(name) for name in names)
        return bool(self.settings.sandbox or self.settings.aws.profile or given)

    @property
    def run_url(self) -> str:
        return self.ci.run_url

    def infrastructure(self, environment: str) -> Infrastructure:
        from tagship.adapters.terraform import Terraform

        chosen = self.settings.environment(environment).infra
        bucket, key = self.state_place(environment)
        return Terraform(
            self.at(environment).aws,
            directory=self.root / chosen.directory,
            data=settings.own(self.root) / "infra" / environment,
            bucket=bucket,
            key=key,
            lock_timeout=chosen.lock_timeout,
            say=self.screen.say,
            inherited=os.environ,
            var_files=chosen.var_files_of(environment),
            pinned=self.ci.running,  # a runner has AWS credentials, and runs no provider that nobody has reviewed
        )

    def target(self, environment: str) -> Target:
        return self.there(environment)._connected(environment)

    def unfilled(self, environment: str) -> Target:
        return self._connected(environment)

    def _connected(self, environment: str) -> Target:
        from tagship.adapters.targets import connect

        if len(self.settings.places(environment)) == 1:
            return connect(self.at(environment), environment)
        from tagship.adapters.bucket.mirror import Mirror
        from tagship.adapters.targets.regions import Region
        from tagship.adapters.targets.regions_more import several

        home, *followers = self.regions(environment)
        name = home.settings.aws.region
        regions = [Region(name, connect(home, environment), listed=home.listed)]
        for app in followers:
            mirror = Mirror(home.bucket, app.bucket, app.registry, app.settings.aws.region)
            regions.append(Region(app.settings.aws.region, connect(app, environment), mirror.carry, app.listed))
        return several(regions, self.settings.environment(environment).region_bake)


def debugging() -> bool:
    """Tell whether TAGSHIP_DEBUG wants tracebacks."""
    return bool(os.environ.get("TAGSHIP_DEBUG"))


def _user() -> str:
    """Name the account of this process, or its uid."""
    # In a container, a uid may have no name.
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13
        return f"uid-{os.getuid()}"


def app(start: Path | None = None, *, as_json: bool = False) -> Wiring:
    """Make the App of the nearest tagship.toml, upwards from `start`."""
    path = settings.find((start or Path.cwd()).resolve())
    return Wiring(settings.load(path), path.parent, as_json)
