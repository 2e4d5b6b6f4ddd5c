"""What `setup` made for an environment, and what is left if it is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.account.desired import documents_of
from tagship.account.places import shared_stack
from tagship.account.region_stack import name_of
from tagship.domain import commands
from tagship.domain.foundation import stack_name
from tagship.engine.previews import records
from tagship.ports.app import Account
from tagship.settings.previews import PREVIEWS


@dataclass(frozen=True)
class Removal:
    """The stacks and documents to delete, in that order, and what stays."""

    stacks: Sequence[str]
    documents: Sequence[str]
    left: Sequence[str]


def removal(app: Account, environment: str) -> Removal:
    """Find what is there of an environment's, or of all previews.

    The app's own stack, that of previews and the documents go with the last environment.
    """
    settings, foundation = app.settings, app.foundation
    others = [name for name in settings.environments if name != environment and not settings.is_preview(name)]
    alone = not any(foundation.stack(stack_name(settings.app, name)) for name in others)
    gone = dict.fromkeys([environment, *([PREVIEWS, ""] if alone else [])])
    names = [stack_name(settings.app, name) if name else shared_stack(app) for name in gone]
    stacks = {name: stack for name in names if (stack := foundation.stack(name))}
    documents = _documents(app, environment) if alone else []
    left = [words for stack in stacks.values() for words in _left(stack.parameters)]
    if stack_name(settings.app, PREVIEWS) in stacks:
        left += [
            f"the preview {name}, which nobody could close then; first: {commands.preview_close(str(record.number))}"
            for name, record in sorted(records(app).items())
            if record.lives
        ]
    return Removal(list(stacks), documents, left)


def removal_of_region(region: Account) -> Removal:
    """Find what is there of an environment's in a region that follows."""
    name = name_of(region)
    stack = region.foundation.stack(stack_name(region.settings.app, name))
    left = [f"{words}, in {region.settings.aws.region}" for words in _left(stack.parameters)] if stack else []
    return Removal([stack.name] if stack else [], _documents(region, name), left)


def _documents(app: Account, environment: str) -> list[str]:
    """List the documents there, unless another environment's hosts obey them."""
    whole, own = app.settings.whole, app.settings.aws
    place = (own.account, own.profile, own.region)
    others = [
        name
        for name in whole.environments
        if name != environment
        and not whole.is_preview(name)
        and any((other.account, other.profile, other.region) == place for other in whole.places(name))
    ]
    if any(app.foundation.stack(stack_name(app.settings.app, name)) for name in others):
        return []
    return [name for name in documents_of(app) if app.foundation.document(name)]


def _left(made: Mapping[str, str]) -> list[str]:
    """Say what a stack keeps when it is deleted (DeletionPolicy)."""
    left = []
    if made.get("MakeBucket") == "yes":
        left.append(f"the bucket {made['Bucket']}, with every artifact, the ledger and its policy")
    left += [f"the key {made[name]}" for name in ("KeyAlias", "ReleaseKeyAlias", "OrderKeyAlias") if made.get(name)]
    if made.get("ImageRepository") and made.get("MakeImages", "yes") == "yes":
        left.append(f"the image repository {made['ImageRepository']}")
    if made.get("ProviderArn") == "":
        left.append("GitHub's OIDC provider, which other roles may trust")
    return left
