"""Compare what an account should have with what it has: the half of `setup` that only looks.

Resources that existed before are used unchanged; what our stack made stays part of it (see domain/foundation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship import resources
from tagship.account.crossing import copied, readers, source_of
from tagship.account.dashboards import with_figures
from tagship.account.keys import stack_keys, wanted_files
from tagship.account.named_repositories import PARAMETER, moving_tags, named_repositories
from tagship.account.places import shared_stack
from tagship.account.previews import preview_stack
from tagship.account.stack_images import image_repository, images_of_stack, named_in_ecr, own_repository
from tagship.account.trusting import cleanup_workflow, trusted_workflows
from tagship.domain import commands, foundation, layout
from tagship.domain.crossing_grants import with_readers, with_source
from tagship.domain.documents import same_document
from tagship.domain.forge import alias_of, numbered, repository_of
from tagship.domain.foundation import MADE_BY_US, Existing, Stack, stack_name
from tagship.errors import Refused, SettingsError
from tagship.ports.app import Account
from tagship.settings import Settings
from tagship.settings.late import require_known
from tagship.settings.previews import PREVIEWS, any_of
from tagship.settings.tables import PLACE

AWS = "deploy/aws"
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


def environment_stack(
    app: Account, name: str, outputs: Mapping[str, str], image: str, numbers: tuple[str, str]
) -> Stack:
    """Write an environment's stack, or that of all previews."""
    # Until the app's stack exists, a placeholder stands for each of its outputs.
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
    chosen, sets = settings.environments[name], settings.static_sets(name)
    require_known(settings, name, chosen.target.table, *(f"static.{static}" for static in sets))
    sites, distributions = _sites(settings, name)
    template = foundation.with_blocks(
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
    keys = stack_keys(app, name, outputs.get("KeyArn", unknown), before.parameters if before else {})
    own, made = foundation.repository_name(chosen.image.repository), own_repository(app, name, image, before)
    template = foundation.with_moving(template, moving_tags(app, own) if made == "yes" else [])
    template = foundation.with_keys(
        template, {"ReleaseKey": keys["ReleaseKeyAlias"], "OrderKey": keys["OrderKeyAlias"]}
    )
    parameters = {
        "App": settings.app,
        "Environment": name,
        "Bucket": settings.aws.bucket,
        "Lease": settings.lease_group(name),
        **keys,
        "SecretsKeyArn": chosen.secrets.kms_key,
        "ImageRepository": own,
        "MakeImages": made,
        **shared,
        **trusted_workflows(app, name, repository),
        "CleanupWorkflow": cleanup_workflow(app),
        "CleanupBranch": settings.ci.cleanup_branch,
        "Document": foundation.DOCUMENT,
        "Hosts": "yes",
        "Functions": "yes" if chosen.target.stack_functions else "no",
        "Services": "yes" if chosen.target.stack_services else "no",
        "Sites": "yes" if sites else "no",
        "NamedImages": "yes" if named_in_ecr(app, name) else "no",
        "ImageCopies": "yes" if copied(app, name) else "no",
        "Topics": "yes" if settings.notify.topics else "no",
        "Groups": "yes" if chosen.target.stack_groups else "no",
        "ReportPage": settings.report.page,
        "Figures": "yes" if settings.sends_figures(name) else "no",
        "Distributions": "yes" if distributions else "no",
        **chosen.target.stack_parameters,
    }
    return Stack(stack_name(settings.app, name), template, parameters)


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


def github_repository(app: Account) -> str:
    """Return owner/name from the settings or the remote. Raises SettingsError."""
    named = app.settings.ci.repository
    if not named and app.settings.sandbox:
        named = f"sandbox/{app.settings.app}"
    url = named or app.repository.remote_url()
    repository = repository_of(url)
    if repository is None or repository[0] != "github.com":
        _, name = alias_of(url) or ("", "owner/name")
        raise SettingsError(
            "The remote is not on github.com, so setup does not know which repository on GitHub may ship.",
            remedy=f'Write repository = "{name}" under [ci] in tagship.toml, or: {commands.setup(document_only=True)}',
        )
    return repository[1]


def documents_of(app: Account) -> dict[str, str]:
    """Render every SSM document that an environment needs: name -> content."""
    preview = any_of(app.settings.environment_model(), app.settings.previews)
    targets = [environment.target for environment in app.settings.environments.values()]
    targets += [preview.target] if preview else []
    rendered = [target.documents(lambda path: read_template(app, path)) for target in targets]
    return dict(sorted((name, content) for documents in rendered for name, content in documents.items()))


def read_template(app: Account, name: str) -> str:
    try:
        return resources.text(app.root, name)
    except OSError as reason:
        raise Refused(
            f"{name} cannot be read: {reason.strerror}.", remedy=f"Put it back: git checkout -- {name}"
        ) from None


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
