"""What `setup` made for an environment, and what is left if it is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.account.desired import documents_of
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

    @property
    def empty(self) -> bool:
        return not self.stacks and not self.documents


def removal(app: Account, environment: str) -> Removal:
    """Find what is there of an environment's, or of all previews.

    The app's own stack, that of previews and the documents go with the last environment.
    """
    settings, foundation = app.settings, app.foundation
    others = [name for name in settings.environments if name != environment and not settings.is_preview(name)]
    alone = not any(foundation.stack(stack_name(settings.app, name)) for name in others)
    gone = dict.fromkeys([environment, *([PREVIEWS, ""] if alone else [])])
    names = [stack_name(settings.app, name) for name in gone]
    stacks = {name: stack for name in names if (stack := foundation.stack(name))}
    documents = [name for name in documents_of(app) if foundation.document(name)] if alone else []
    left = [words for stack in stacks.values() for words in _left(stack.parameters)]
    if stack_name(settings.app, PREVIEWS) in stacks:
        left += [
            f"the preview {name}, which nobody could close then; first: {commands.preview_close(str(record.number))}"
            for name, record in sorted(records(app).items())
            if record.lives
        ]
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
