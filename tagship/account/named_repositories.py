"""The ECR repositories of images that have a name: made with the app's stack, unless they were there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagship.domain import foundation
from tagship.domain.foundation import Stack
from tagship.domain.moving_tags import MOST, filters
from tagship.domain.text import listed
from tagship.errors import Refused
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
                named[repository] = moving_tags(app, repository)
    return dict(sorted(named.items()))


def moving_tags(app: Account, repository: str) -> list[str]:
    """Choose the tags that ECR lets move in a repository.

    Raises Refused if its filters can't name them all without those of versions.
    """
    settings = app.settings
    moving: list[tuple[str, str]] = []
    fixed: list[str] = []
    for environment in settings.environments if repository else ():
        images = [
            image
            for image in settings.images_of(environment).values()
            if foundation.repository_name(image.repository) == repository
        ]
        moving += [(tag, environment) for image in images for tag in image.moving_tags]
        suffix = settings.suffix(environment)
        fixed += [f"0.1.0-{suffix}" if suffix else "0.1.0", f"{environment}-622d2103-20250820-124500"] if images else []
    chosen = filters(moving, fixed)
    if chosen is None:
        raise Refused(
            f"More tags move in {repository} than ECR has filters for: "
            f"{listed(list(dict.fromkeys(tag for tag, _ in moving)))}.",
            remedy=f"Keep {MOST} in moving_tags, or name them so that latest-* is what they have in common",
        )
    return chosen


def is_made(app: Account, repository: str) -> bool:
    """Tell whether a repository is this account's and region's to make."""
    place = foundation.repository_place(repository)
    return place is not None and place[:2] == (_account(app), app.settings.aws.region)


def _account(app: Account) -> str:
    return (app.caller.split(":") + [""] * 5)[4]
