"""What an environment needs in a region that follows its first one: one stack there, and the documents of its hosts.

The roles are those of the first region's stack, so that one is made before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagship.account.desired import (
    ResourceChange,
    Wanted,
    document_changes,
    documents_of,
    stack_change,
)
from tagship.account.named_repositories import PARAMETER, moving_tags, named_repositories
from tagship.account.stack_images import named_in_ecr
from tagship.account.templates import AWS, read_template
from tagship.domain import commands, foundation
from tagship.domain.foundation import MADE_BY_US, Existing, Stack, stack_name
from tagship.domain.regional import regional, role_names
from tagship.errors import Refused
from tagship.ports.app import Account
from tagship.settings import Settings
from tagship.settings.late import require_known

TAKEN = ("foundation.yaml", "environment.yaml")


def name_of(region: Account) -> str:
    """Name the one environment that an app in a region has."""
    return next(iter(region.settings.environments))


def look_at_region(region: Account, first: Account) -> Wanted:
    """Compare what an environment needs in a region with what is there.

    `first` is the app in the account of its first region.
    """
    name = name_of(region)
    current = region.foundation.stack(stack_name(region.settings.app, name))
    stack = _stack(region, first, current)
    documents = documents_of(region)
    changes: list[ResourceChange] = [stack_change(current, stack), *document_changes(region, documents)]
    return Wanted(Existing(), stack, {}, documents, changes)


def require_roles(region: Account, stack: Stack) -> None:
    """Raise Refused while the first region's stack is missing."""
    if stack.parameters["CiRole"] == MADE_BY_US.format(stack.name):
        name = name_of(region)
        raise Refused(
            f"{region.settings.aws.region} has to wait: the roles of {name} are made in its first region.",
            state=f"Nothing was changed in {region.settings.aws.region}.",
            remedy=f"Make them: {commands.setup(env=name)}",
        )


def _stack(region: Account, first: Account, current: Stack | None) -> Stack:
    name = name_of(region)
    settings = _filled(region, first)
    chosen = settings.environments[name]
    image = foundation.repository_name(chosen.image.repository)
    before = current.parameters if current else {}
    existing = region.foundation.found(settings.aws.bucket, "", image)
    ours = before.get("MakeBucket") == "yes" and before.get("Bucket") == settings.aws.bucket
    ours_too = before.get("MakeImages") == "yes" and before.get("ImageRepository") == image
    repositories = named_repositories(region, current)
    stack = stack_name(settings.app, name)
    home = first.foundation.stack(stack)
    target = chosen.target
    parameters = {
        "App": settings.app,
        "Environment": name,
        "Bucket": settings.aws.bucket,
        "MakeBucket": "yes" if ours or not existing.bucket else "no",
        "LockDays": str(settings.aws.object_lock_days),
        "Document": foundation.DOCUMENT,
        "Hosts": "yes",
        "Functions": "yes" if target.stack_functions else "no",
        "Services": "yes" if target.stack_services else "no",
        "Groups": "yes" if target.stack_groups else "no",
        "NamedImages": "yes" if named_in_ecr(region, name) else "no",
        "ImageRepository": image,
        "MakeImages": "yes" if image and (ours_too or not existing.repository) else "no",
        PARAMETER: ",".join(repositories),
        **role_names(home.outputs if home else {}, MADE_BY_US.format(stack)),
    }
    parameters |= {key: value for key, value in target.stack_parameters.items() if key in parameters}
    return Stack(stack, _template(region, first, settings, repositories), parameters)


def _template(region: Account, first: Account, settings: Settings, repositories: Mapping[str, Sequence[str]]) -> str:
    """Write region.yaml for an environment; see tagship.domain.foundation.with_blocks."""
    name = name_of(region)
    chosen = settings.environments[name]
    others = {file: read_template(region, f"{AWS}/{file}") for file in TAKEN}
    template = regional(read_template(region, f"{AWS}/region.yaml"), others)
    template = foundation.with_repositories(template, repositories)
    own = foundation.repository_name(chosen.image.repository)
    template = foundation.with_moving(template, moving_tags(region, own))
    return foundation.with_blocks(
        template,
        chosen.target.resource_tags,
        "",
        (),
        functions=chosen.target.stack_functions,
        services=chosen.target.stack_services,
        roles=chosen.target.stack_passed_roles,
        families=settings.families(name),
        groups=chosen.target.stack_groups,
        host_logs=chosen.logs.group,
        images=[image.repository for image in settings.images_of(name).values()],
        copied=[image.repository for image in first.settings.images_of(name).values()],
    )


def _filled(region: Account, first: Account) -> Settings:
    """Return the region's settings with the outputs that its stack names."""
    name = name_of(region)
    settings = first.filled(name).in_region(name, region.settings.aws)
    require_known(settings, name, settings.environments[name].target.table)
    return settings
