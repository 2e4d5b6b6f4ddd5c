"""The stack of one environment: its roles and keys, and what of the account its target needs."""

from __future__ import annotations

from collections.abc import Mapping

from tagship.account.crossing import copied, readers, source_of
from tagship.account.keys import stack_keys
from tagship.account.named_repositories import moving_tags
from tagship.account.places import shared_stack
from tagship.account.previews import preview_stack
from tagship.account.stack_images import images_of_stack, named_in_ecr, own_repository
from tagship.account.templates import AWS, read_template
from tagship.account.trusting import cleanup_workflow, github_repository, trusted_workflows
from tagship.domain import foundation, layout
from tagship.domain.crossing_grants import with_readers, with_source
from tagship.domain.forge import numbered
from tagship.domain.foundation import MADE_BY_US, Stack, stack_name
from tagship.ports.app import Account
from tagship.settings import Settings
from tagship.settings.late import require_known
from tagship.settings.previews import PREVIEWS


def environment_stack(
    app: Account, name: str, outputs: Mapping[str, str], image: str, numbers: tuple[str, str]
) -> Stack:
    """Write an environment's stack, or that of all previews.

    `outputs` are those of the app's stack: until it exists, a placeholder stands for each of them. `image` is the
    repository that the app's stack makes, `numbers` GitHub's of the owner and the repository. Raises Refused and
    SettingsError.
    """
    unknown = MADE_BY_US.format(shared_stack(app))
    before, repository = app.foundation.stack(stack_name(app.settings.app, name)), github_repository(app)
    shared = {
        "ProviderArn": outputs.get("ProviderArn", unknown),
        "Repository": repository,
        "NumberedRepository": _numbered(repository, numbers, before),
    }
    if name == PREVIEWS and app.settings.previews.environment:
        return preview_stack(app, read_template(app, f"{AWS}/previews.yaml"), before, shared)
    settings = app.filled(name)
    sets = settings.static_sets(name)
    require_known(settings, name, settings.environments[name].target.table, *(f"static.{static}" for static in sets))
    keys = stack_keys(app, name, outputs.get("KeyArn", unknown), before.parameters if before else {})
    own = foundation.repository_name(settings.environments[name].image.repository)
    made = own_repository(app, name, image, before)
    template = _template(app, settings, name)
    template = foundation.with_moving(template, moving_tags(app, own) if made == "yes" else [])
    template = foundation.with_keys(
        template, {"ReleaseKey": keys["ReleaseKeyAlias"], "OrderKey": keys["OrderKeyAlias"]}
    )
    images = {"ImageRepository": own, "MakeImages": made}
    trust = {**shared, **trusted_workflows(app, name, repository)}
    return Stack(
        stack_name(settings.app, name), template, {**keys, **images, **trust, **_parameters(app, settings, name)}
    )


def _template(app: Account, settings: Settings, name: str) -> str:
    """Write environment.yaml with what this environment's roles may touch."""
    chosen = settings.environments[name]
    sites, distributions = _sites(settings, name)
    return foundation.with_blocks(
        with_readers(
            with_source(read_template(app, f"{AWS}/environment.yaml"), source_of(app, name)),
            [reader for reader in readers(app) if reader.source == name],
        ),
        chosen.target.resource_tags,
        chosen.secrets.parameter_store,
        [secret.partition("#")[0] for secret in chosen.secrets.secrets_manager.values()],
        functions=chosen.target.stack_functions,
        services=chosen.target.stack_services,
        roles=chosen.target.stack_passed_roles,
        families=settings.families(name),
        sites=sites,
        images=images_of_stack(app, name),
        copied=copied(app, name),
        groups=chosen.target.stack_groups,
        host_logs=chosen.logs.group,
        distributions=distributions,
        figures=settings.sends_figures(name),
        report=settings.report.page,
        topics=[topic.arn for topic in settings.notify.topics.values()],
        legacy=layout.legacy_archives(settings.legacy_keys, settings.app, name, "*")[:-1],
    )


def _parameters(app: Account, settings: Settings, name: str) -> dict[str, str]:
    """Choose the parameters that the settings alone decide.

    The kind's own come last."""
    chosen = settings.environments[name]
    sites, distributions = _sites(settings, name)
    parts = {
        "Functions": chosen.target.stack_functions,
        "Services": chosen.target.stack_services,
        "Groups": chosen.target.stack_groups,
        "Sites": sites,
        "Distributions": distributions,
        "NamedImages": named_in_ecr(app, name),
        "ImageCopies": copied(app, name),
        "Topics": settings.notify.topics,
        "Figures": settings.sends_figures(name),
    }
    return {
        "App": settings.app,
        "Environment": name,
        "Bucket": settings.aws.bucket,
        "Lease": settings.lease_group(name),
        "SecretsKeyArn": chosen.secrets.kms_key,
        "CleanupWorkflow": cleanup_workflow(app),
        "CleanupBranch": settings.ci.cleanup_branch,
        "Document": foundation.DOCUMENT,
        "Hosts": "yes",
        "ReportPage": settings.report.page,
        **{part: "yes" if there_is else "no" for part, there_is in parts.items()},
        **chosen.target.stack_parameters,
    }


def _sites(settings: Settings, name: str) -> tuple[list[str], list[str]]:
    """List where an environment serves static sets: bucket/prefix, distributions."""
    places = [settings.static[static].environments[name] for static in settings.static_sets(name)]
    return [f"{place.bucket}/{place.prefix}" for place in places], [
        place.distribution for place in places if place.distribution
    ]


def _numbered(repository: str, numbers: tuple[str, str], before: Stack | None) -> str:
    """Return owner@id/name@id; without numbers, what the stack already has."""
    if all(numbers):
        return numbered(repository, *numbers)
    if before and before.parameters.get("Repository") == repository:
        return before.parameters.get("NumberedRepository", "")
    return ""
