"""The ECR repositories of images that have a name: made with the app's stack, unless they were there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagship.domain import foundation
from tagship.domain.foundation import Stack
from tagship.ports.app import Account

PARAMETER = "NamedRepositories"  # of the app's stack: which it made, between commas


def named_repositories(app: Account, before: Stack | None) -> Mapping[str, Sequence[str]]:
    """Choose the repositories to make, with the tags that move in each.

    What the stack made stays part of it; what was there before is used and left alone. Another account's, or another
    region's, are that account's to make.
    """
    made = before.parameters.get(PARAMETER, "").split(",") if before else []
    wanted = _wanted(app)
    return {name: tags for name, tags in wanted.items() if name in made or not app.foundation.has_repository(name)}


def _wanted(app: Account) -> dict[str, list[str]]:
    """List the repositories of this account and region, with their moving tags."""
    named: dict[str, list[str]] = {}
    for environment in app.settings.environments:
        for name, image in app.settings.images_of(environment).items():
            if name and is_made(app, image.repository):
                repository = foundation.repository_name(image.repository)
                tags = named.setdefault(repository, [])
                tags += [tag for tag in image.moved_tags(environment) if tag not in tags]
    return dict(sorted(named.items()))


def is_made(app: Account, repository: str) -> bool:
    """Tell whether a repository is this account's and region's to make."""
    place = foundation.repository_place(repository)
    return place is not None and place[:2] == (_account(app), app.settings.aws.region)


def _account(app: Account) -> str:
    return (app.caller.split(":") + [""] * 5)[4]
