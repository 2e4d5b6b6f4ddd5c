"""Lifecycle rules of the bucket and of the images' repositories that delete what a cleanup would leave."""

from __future__ import annotations

from collections.abc import Iterator

from tagship.domain import layout
from tagship.domain.expiry import bucket_expiries, expiries
from tagship.domain.retention import WINDOW, Policy
from tagship.errors import TagshipError
from tagship.ports.app import App


def contradictions(app: App, environment: str, policy: Policy) -> list[str]:
    """Say which rules delete what may be in use.

    Also which could not be read.
    """
    return [*_of_bucket(app, environment), *_of_images(app, environment, policy)]


def _of_bucket(app: App, environment: str) -> Iterator[str]:
    """Look at the bucket's rules for artifacts and for the ledger."""
    name = app.settings.app
    try:
        rules = app.store.lifecycle(layout.artifacts(name, environment))
    except TagshipError as reason:
        yield f"the lifecycle rules of the bucket could not be read: {reason.what}"
        return
    places = (layout.artifacts(name, environment), layout.ledger(name, environment))
    words = [words for place in places for words in bucket_expiries(rules, place)]
    yield from (f"bucket {app.settings.account(environment).bucket}: {word}" for word in dict.fromkeys(words))


def _of_images(app: App, environment: str, policy: Policy) -> Iterator[str]:
    suffix = app.settings.suffix(environment)
    tags = [f"0.1.0-{suffix}" if suffix else "0.1.0"]
    images = app.settings.images_of(environment).values()
    for repository in dict.fromkeys(image.repository for image in images if image.repository):
        try:
            text = app.registry.lifecycle(repository)
        except TagshipError as reason:
            yield f"the lifecycle policy of {repository} could not be read: {reason.what}"
            continue
        wanted = max(policy.keep, WINDOW + 1)
        yield from (f"repository {repository}: its lifecycle policy {words}" for words in expiries(text, tags, wanted))
