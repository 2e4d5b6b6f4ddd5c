"""What `setup` made for an environment, and what is left if it is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.account.desired import documents_of
from tagship.domain.foundation import stack_name
from tagship.ports.app import Account


@dataclass(frozen=True)
class Removal:
    """The stacks and documents to delete, in that order, and what stays."""

    stacks: Sequence[str]
    documents: Sequence[str]
    left: Sequence[str]

    @property
    def empty(self) -> bool:
        return not self.stacks and not self.documents


def removal(app: Account, environment: str) -> Removal:
    """Find what is there of an environment's.

    The app's own stack and the documents go with the last environment.
    """
    settings, foundation = app.settings, app.foundation
    others = [name for name in settings.environments if name != environment]
    alone = not any(foundation.stack(stack_name(settings.app, name)) for name in others)
    names = [stack_name(settings.app, environment), *([stack_name(settings.app)] if alone else [])]
    stacks = {name: stack for name in names if (stack := foundation.stack(name))}
    documents = [name for name in documents_of(app) if foundation.document(name)] if alone else []
    left = [words for stack in stacks.values() for words in _left(stack.parameters)]
    return Removal(list(stacks), documents, left)


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
