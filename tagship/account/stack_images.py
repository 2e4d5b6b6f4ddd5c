"""Which repositories of images the stacks make, and let an environment use."""

from __future__ import annotations

from collections import Counter

from tagship.domain import foundation
from tagship.domain.foundation import Stack
from tagship.errors import Refused
from tagship.ports.app import Account


def image_repository(app: Account) -> str:
    """Return the ECR repository that all environments share.

    Empty if each has its own, or none. Raises Refused if some share one and others do not.
    """
    environments = app.settings.environments.values()
    named = [foundation.repository_name(environment.image.repository) for environment in environments]
    counts = Counter(filter(None, named))
    if len(counts) > 1 and max(counts.values()) > 1:
        raise Refused(
            f"Some environments share an image repository, and others do not: {', '.join(sorted(counts))}.",
            remedy="Give each environment an image.repository of its own in tagship.toml, or all of them the same",
        )
    return next(iter(counts)) if len(counts) == 1 else ""


def own_repository(app: Account, name: str, shared: str, before: Stack | None) -> str:
    """Tell whether the environment's stack makes its image repository: yes or no."""
    # What it made once stays its own; what was there before is used and left alone.
    repository = foundation.repository_name(app.settings.environments[name].image.repository)
    if shared or not repository:
        return "no"
    made = before.parameters if before else {}
    ours = made.get("MakeImages") == "yes" and made.get("ImageRepository") == repository
    return "yes" if ours or not app.foundation.has_repository(repository) else "no"


def images_of_stack(app: Account, name: str) -> list[str]:
    """List the repositories of an environment's images."""
    return [image.repository for image in app.settings.images_of(name).values()]


def named_in_ecr(app: Account, name: str) -> bool:
    """Tell whether an image that has a name is kept in ECR."""
    images = app.settings.images_of(name).items()
    return any(named and foundation.repository_name(image.repository) for named, image in images)
