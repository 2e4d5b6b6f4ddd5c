"""The AWS accounts of one repository's settings: whose clients a port is made of.

An environment is in an account and a region. `at` gives the app as it is there, so that nothing that changes or asks an
environment has to choose. Credentials are a profile of each account's on a person's machine; a CI job has one role.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from tagship.bootstrap.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tagship.domain.units import Unit
    from tagship.sandbox.state import Running
    from tagship.settings import AwsAccount, Settings


class Accounts(Terminal):
    """The app in each of its accounts."""

    settings: Settings
    root: Path
    whole: Self | None
    hurries: Self | None

    def at(self, environment: str) -> Self:
        return self if self._by_bucket is None else self._by_bucket[self.settings.account(environment).bucket]

    @property
    def accounts(self) -> list[Self]:
        return [self] if self._by_bucket is None else list(self._by_bucket.values())

    def regions(self, environment: str) -> list[Self]:
        """Return the app in each region of an environment, with it alone."""
        if environment not in self._regions:
            settings = self.settings
            within = [settings.in_region(environment, place) for place in settings.places(environment)]
            hurries = self.hurries.regions(environment) if self.hurries else [None] * len(within)
            first, *others = (self._made(made, whose) for made, whose in zip(within, hurries, strict=True))
            for app in others:
                vars(app).update(store=cast("Any", app).bucket)
            self._regions[environment] = [first, *others]
        return self._regions[environment]

    def in_region(self, environment: str, region: str) -> Self:
        """Return the app in a region that an environment left."""
        whole = self.settings
        place = whole.environment(environment).aws.into(region, whole.aws)
        return self._made(whole.in_region(environment, place), None)

    @cached_property
    def _regions(self) -> dict[str, list[Self]]:
        return {}

    @cached_property
    def listed(self) -> list[Unit]:
        """Keep the units of a region as they were listed last."""
        return []

    @cached_property
    def _by_bucket(self) -> Mapping[str, Self] | None:
        """Make the app of each account, by bucket; None for one account."""
        accounts = self.settings.accounts
        if self.whole or accounts == [self.settings.aws]:
            return None
        return {account.bucket: self._narrowed(account) for account in accounts}

    def _narrowed(self, account: AwsAccount) -> Self:
        hurries = self.hurries
        return self._made(self.settings.within(account), hurries and (hurries._by_bucket or {}).get(account.bucket))

    def _made(self, settings: Settings, hurries: Self | None) -> Self:
        """Make the app with other settings, and the same screen."""
        from dataclasses import replace

        whole = self.whole or self
        made: Self = replace(cast("Any", self), settings=settings, whole=whole, hurries=hurries)
        vars(made).update(screen=self.screen, prompt=self.prompt, ci=self.ci)
        return made

    @cached_property
    def sandbox(self) -> Running | None:
        """Find the sandbox, if wanted. Raises ServiceFailed if down."""
        if not self.settings.sandbox:
            return None
        from tagship.sandbox.state import require

        return require(self.root)

    @cached_property
    def aws(self) -> Any:
        """Make boto3 clients: region, endpoint and credentials in one place."""
        from tagship.adapters.aws.session import Aws, hurried

        if self.hurries:
            return hurried(self.hurries.aws)
        chosen, ci, say = self.settings.aws, self.ci.running, self.screen.warn
        if not self.sandbox:
            # A job has the credentials of its role in its variables; profiles are for people's machines.
            profile = "" if ci and self.given_a_role else chosen.profile
            people = chosen.profile
            return Aws(chosen.region, profile=profile, people=people, account=chosen.account, ci=ci, say=say)
        box, keys = self.sandbox, self.sandbox.keys.of(chosen.account)
        return Aws(chosen.region, box.aws_url, sandbox=True, keys=keys, account=chosen.account, ci=ci, say=say)
