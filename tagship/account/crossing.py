"""Promotions between accounts, as an account's stacks have to know them: who reads here, and what is read elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tagship.domain.crossing_grants import Reader, SourceBucket
from tagship.domain.foundation import repository_name
from tagship.errors import SettingsError
from tagship.ports.app import Account
from tagship.settings import Settings


def readers(app: Account) -> Iterator[Reader]:
    """Yield the environments elsewhere that are promoted to from here.

    Raises SettingsError if the settings do not name the account of one.
    """
    for source, to in crossings(app):
        if source not in app.settings.environments:
            continue
        account = app.settings.whole.account(to).account
        if not account:
            raise SettingsError(
                f"environments.{to}.aws.account is missing: {source} lets its jobs read what they promote.",
                remedy=f'Write account = "…", its twelve digits, under [environments.{to}.aws] in tagship.toml',
            )
        yield Reader(to, account, source)


def source_of(app: Account, environment: str) -> SourceBucket | None:
    """Return what an environment of this account is promoted from elsewhere."""
    for source, to in crossings(app):
        if to == environment:
            return SourceBucket(source, app.settings.whole.account(source).bucket)
    return None


def copied(app: Account, name: str) -> list[str]:
    """List the repositories of ECR that a promotion copies images from."""
    order, own = app.settings.promotion.order, set(_images(app.settings, name))
    before = order[order.index(name) - 1] if name in order[1:] else ""
    others = set(_images(app.settings.whole, before)) - own if before else set()
    return sorted(repository for repository in others if repository_name(repository))


def _images(settings: Settings, environment: str) -> list[str]:
    return [image.repository for image in settings.images_of(environment).values()]


def crossings(app: Account) -> Iterator[tuple[str, str]]:
    """Yield the steps of promotion.order that lead from one account to another."""
    whole = app.settings.whole
    for source, to in pairwise(whole.promotion.order):
        ends = [whole.account(name) for name in (source, to)]
        if ends[0].bucket != ends[1].bucket:
            yield source, to
