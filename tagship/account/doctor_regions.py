"""What `doctor` asks of the regions that follow an environment's first: which of them lacks what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tagship.account.doctor_stacks import compared, of_bucket
from tagship.account.region_stack import look_at_region
from tagship.domain import commands
from tagship.domain.finding import Finding, failing, ok
from tagship.domain.foundation import repository_name
from tagship.ports.app import Account


def _bucket(region: Account, _first: Account, about: str) -> Iterator[Finding]:
    yield from of_bucket(region, about)


def _stack(region: Account, first: Account, about: str) -> Iterator[Finding]:
    """Compare what `setup` makes in a region with what is there."""
    of = f"{about.partition(':')[0]}: "
    yield from compared(look_at_region(region, first), of, sandbox=region.settings.sandbox)


def _images(region: Account, _first: Account, about: str) -> Iterator[Finding]:
    """Look whether the region has the repositories that images are copied to."""
    settings = region.settings
    [environment] = settings.environments
    images = {} if settings.sandbox else settings.images_of(environment)
    for name in dict.fromkeys(repository_name(image.repository) for image in images.values()):
        if not name:
            continue
        if region.foundation.image_repository(name) is None:
            yield failing(about, f"ECR has no repository {name} in {settings.aws.region}", commands.setup(), safe=True)
        else:
            yield ok(about, f"{name} is there")


CHECKS: Mapping[str, Callable[[Account, Account, str], Iterator[Finding]]] = {
    "bucket": _bucket,
    "stack": _stack,
    "images": _images,
}
