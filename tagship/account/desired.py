"""Compare what an account should have with what it has: the half of `setup` that only looks.

Resources that existed before are used unchanged; what our stack made stays part of it (see domain/foundation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.account.crossing import readers
from tagship.account.dashboards import with_figures
from tagship.account.environment_stack import environment_stack
from tagship.account.keys import wanted_files
from tagship.account.named_repositories import PARAMETER, moving_tags, named_repositories
from tagship.account.places import shared_stack
from tagship.account.stack_images import image_repository
from tagship.account.templates import AWS, read_template
from tagship.domain import commands, foundation
from tagship.domain.crossing_grants import with_readers
from tagship.domain.documents import same_document
from tagship.domain.foundation import Existing, Stack, stack_name
from tagship.errors import Refused
from tagship.ports.app import Account
from tagship.settings.previews import PREVIEWS, any_of
from tagship.settings.tables import PLACE

ASK_NUMBERS = "gh api repos/{owner}/{repo} --jq '.owner.id, .id'"
WITH_NUMBERS = commands.setup(owner_id="OWNER_ID", repository_id="REPOSITORY_ID")


@dataclass(frozen=True)
class ResourceChange:
    """A resource: what the account has of it, and should have.

    `current` is empty if the account has nothing.
    """

    kind: str  # stack | public key | document
    name: str
    current: str
    wanted: str
    same: bool

    @property
    def word(self) -> str:
        return "keep" if self.same else "change" if self.current else "make"

    def as_data(self) -> dict[str, object]:
        lines = [] if self.same else foundation.diff(self.name, self.current, self.wanted)
        return {"kind": self.kind, "name": self.name, "change": self.word, "diff": lines}


@dataclass(frozen=True)
class Wanted:
    """What an account should have, and how it differs today."""

    existing: Existing
    shared: Stack
    environments: Mapping[str, Stack]
    documents: Mapping[str, str]
    changes: Sequence[ResourceChange]


# -- what is wanted ----------------------------------------------------------------------------------------------------


def both(owner_id: str, repository_id: str) -> tuple[str, str]:
    """Check that GitHub's numbers are given together. Raises Refused."""
    numbers = (owner_id.strip(), repository_id.strip())
    if any(numbers) and not all(number.isascii() and number.isdigit() for number in numbers):
        raise Refused(
            "Give GitHub's numbers of the owner and of the repository together, as digits.",
            remedy=f"Ask GitHub ({ASK_NUMBERS}), then: {WITH_NUMBERS}",
        )
    return numbers


def look(app: Account, numbers: tuple[str, str]) -> Wanted:
    """Compare everything that `setup` makes with what the account has."""
    settings = app.settings
    image = image_repository(app)
    current = app.foundation.stack(shared_stack(app))
    key = settings.signing.key if settings.signing and PLACE not in settings.signing.key else ""
    existing = app.foundation.found(settings.aws.bucket, key, image)
    parameters = foundation.shared(
        app=settings.app,
        bucket=settings.aws.bucket,
        locked=settings.aws.object_lock_days,
        key=key,
        image=image,
        existing=existing,
        before=current.parameters if current else None,
    )
    repositories = named_repositories(app, current)
    template = foundation.with_repositories(read_template(app, f"{AWS}/foundation.yaml"), repositories)
    template = foundation.with_moving(template, moving_tags(app, image))
    template = with_readers(template, list(readers(app)))
    template = with_figures(settings, template)
    shared = Stack(shared_stack(app), template, {**parameters, PARAMETER: ",".join(repositories)})
    outputs = current.outputs if current else {}
    environments = {name: environment_stack(app, name, outputs, image, numbers) for name in names_of_stacks(app)}
    documents = documents_of(app)
    changes = [stack_change(current, shared), *_key_changes(app)]
    changes += [stack_change(app.foundation.stack(stack.name), stack) for stack in environments.values()]
    return Wanted(existing, shared, environments, documents, [*changes, *document_changes(app, documents)])


def look_at_documents(app: Account) -> Wanted:
    """Compare the SSM documents and nothing else."""
    documents = documents_of(app)
    return Wanted(Existing(), Stack("", "", {}), {}, documents, document_changes(app, documents))


def names_of_stacks(app: Account) -> list[str]:
    """Name what has a stack: each environment, and all previews together."""
    own = [name for name in app.settings.environments if not app.settings.is_preview(name)]
    return [*own, *([PREVIEWS] if app.settings.previews.environment else [])]


def outputs_of(app: Account) -> dict[str, Mapping[str, str]]:
    """Map the names of an account's stacks to their outputs."""
    shared = [] if app.settings.images_in else [shared_stack(app)]
    names = [*shared, *(stack_name(app.settings.app, name) for name in names_of_stacks(app))]
    stacks = {name: app.foundation.stack(name) for name in names}
    return {name: stack.outputs for name, stack in stacks.items() if stack}


def documents_of(app: Account) -> dict[str, str]:
    """Render every SSM document that an environment needs: name -> content."""
    preview = any_of(app.settings.environment_model(), app.settings.previews)
    targets = [environment.target for environment in app.settings.environments.values()]
    targets += [preview.target] if preview else []
    rendered = [target.documents(lambda path: read_template(app, path)) for target in targets]
    return dict(sorted((name, content) for documents in rendered for name, content in documents.items()))


# -- what differs ------------------------------------------------------------------------------------------------------


def stack_change(current: Stack | None, wanted: Stack) -> ResourceChange:
    text = current.text if current else ""
    return ResourceChange("stack", wanted.name, text, wanted.text, text == wanted.text)


def document_changes(app: Account, documents: Mapping[str, str]) -> list[ResourceChange]:
    changes = []
    for name, content in documents.items():
        current = app.foundation.document(name)
        same = current is not None and same_document(current, content)
        changes.append(ResourceChange("document", name, current or "", content, same))
    return changes


def _key_changes(app: Account) -> list[ResourceChange]:
    """Compare the public keys in the repository with the account's."""
    return [
        ResourceChange("public key", file.file, current, wanted, current == wanted)
        for file, current, wanted in wanted_files(app)
    ]
