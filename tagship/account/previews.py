"""The stack of previews: one role and one key for the environments of all pull requests, and what keeps it to these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from tagship.account.keys import stack_keys
from tagship.domain import foundation
from tagship.domain.foundation import Stack, stack_name
from tagship.domain.outputs import named_in
from tagship.domain.text import listed
from tagship.errors import Refused
from tagship.ports.app import Account
from tagship.settings import Environment
from tagship.settings.previews import PREVIEWS, any_of, pattern_of
from tagship.settings.tables import PLACE


def preview_stack(app: Account, text: str, before: Stack | None, shared: Mapping[str, str]) -> Stack:
    """Make the stack of previews.

    `text` is the template, `shared` has ProviderArn, Repository and NumberedRepository. Raises Refused if the role
    would reach an environment of tagship.toml.
    """
    chosen, settings = any_of(app.settings.environment_model(), app.settings.previews), app.settings
    assert chosen  # noqa: S101 (who asks for this stack has a template)
    _require_apart(app, chosen)
    keys = stack_keys(app, PREVIEWS, "none", before.parameters if before else {})
    images = _patterns(_images(app, chosen))
    template = foundation.with_blocks(
        text,
        {name: pattern_of(tag) for name, tag in chosen.target.resource_tags.items()},
        "",
        (),
        functions=_patterns(chosen.target.stack_functions),
        services=_patterns(chosen.target.stack_services),
        roles=_patterns(chosen.target.stack_passed_roles),
        families=_patterns(chosen.target.stack_families),
        groups=_patterns(chosen.target.stack_groups),
        images=images,
    )
    aliases = {"ReleaseKey": keys["ReleaseKeyAlias"], "OrderKey": keys["OrderKeyAlias"]}
    parameters = {
        "App": settings.app,
        "Bucket": settings.aws.bucket,
        "Document": foundation.DOCUMENT,
        "Hosts": "yes",
        **{name: chosen.target.stack_parameters[name] for name in _DECIDED if name in chosen.target.stack_parameters},
        **keys,
        "Functions": "yes" if chosen.target.stack_functions else "no",
        "Services": "yes" if chosen.target.stack_services else "no",
        "Groups": "yes" if chosen.target.stack_groups else "no",
        "Images": "yes" if any(map(foundation.repository_name, images)) else "no",
        "Workflow": settings.previews.workflow,
        "SweepWorkflow": settings.previews.sweep_workflow,
        "SweepBranch": settings.ci.cleanup_branch,
        **shared,
    }
    return Stack(stack_name(settings.app, PREVIEWS), foundation.with_keys(template, aliases), parameters)


_DECIDED = ("Hosts", "Document")  # of the stack's parameters: what a kind of target decides


def _patterns(names: Sequence[str]) -> list[str]:
    return [pattern_of(name) for name in names]


def _images(app: Account, chosen: Environment) -> list[str]:
    """List the repositories of the images that previews run."""
    named = {name: app.settings.images[name].of(PREVIEWS).repository for name in chosen.target.images if name}
    own = [chosen.image.repository] if "" in chosen.target.images else []
    return [repository for repository in [*own, *named.values()] if repository]


# -- apart from every other environment --------------------------------------------------------------------------------


def template_problems(app: Account) -> list[str]:
    """Say what the role of previews would reach beside previews."""
    chosen = any_of(app.settings.environment_model(), app.settings.previews)
    return [f"its role would reach more: {problem}" for problem in _overlaps(app, chosen)] if chosen else []


def _require_apart(app: Account, chosen: Environment) -> None:
    """Raise Refused if the role of previews would reach another environment.

    Whoever can push a branch can have that role.
    """
    names = (*chosen.target.stack_functions, *chosen.target.stack_services, *chosen.target.stack_groups)
    if late := next((name for name in names if any(named_in(name))), ""):
        raise Refused(
            f"previews.environment has the name {late}, which is another for each preview and has no pattern.",
            remedy="Give previews names that have {n}: their role is for these names, with * for the number",
        )
    problems = list(_overlaps(app, chosen))
    if problems:
        raise Refused(
            f"The role of previews would reach more than previews: {listed(problems)}.",
            remedy="Give previews names, tags, keys and image repositories of their own; docs/previews.md says how",
        )


def _overlaps(app: Account, chosen: Environment) -> Iterator[str]:
    signing = app.settings.signing
    if signing and PLACE not in signing.key:
        yield f"signing.key is {signing.key} for every environment, without {PLACE}"
    for name in app.settings.environments:
        if app.settings.is_preview(name):
            continue
        other = app.filled(name).environment(name)
        if name == PREVIEWS or name.startswith("pr-"):
            yield f"{name} is named as previews are"
        yield from (f"{name} has {thing}, too" for thing in _shared(app, chosen, name, other))


def _shared(app: Account, chosen: Environment, name: str, other: Environment) -> Iterator[str]:
    """Name what an environment has that the role could change."""
    ours, theirs = chosen.target, other.target
    repositories = [image.repository for image in app.settings.images_of(name).values() if image.repository]
    for mine, others in (
        (ours.stack_functions, theirs.stack_functions),
        (ours.stack_services, theirs.stack_services),
        (ours.stack_groups, theirs.stack_groups),
        (ours.stack_families, theirs.stack_families),
        (ours.stack_passed_roles, theirs.stack_passed_roles),  # a task could use what production's may
        (_images(app, chosen), repositories),
    ):
        yield from (text for text in others if any(fnmatchcase(text, pattern) for pattern in _patterns(mine)))
    tags = {key: pattern_of(tag) for key, tag in ours.resource_tags.items()}
    has = theirs.resource_tags
    if tags and all(fnmatchcase(has.get(key, ""), pattern) for key, pattern in tags.items()):
        yield f"the tags {', '.join(f'{key}={value}' for key, value in has.items())}"
