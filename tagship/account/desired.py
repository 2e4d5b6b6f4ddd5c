"""What an account should have, beside what it has: the half of `setup` that only looks.

What the account had before is used as it is; what a stack of ours made stays its own (see domain/foundation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain import foundation
from tagship.domain.ec2 import document
from tagship.domain.forge import repository_of
from tagship.domain.foundation import MADE_BY_US, Found, Stack, same_document, same_key, stack_name
from tagship.errors import Refused, SettingsError
from tagship.ports.app import App
from tagship.settings import Signing
from tagship.settings.ec2 import Ec2

AWS = "deploy/aws"
ENTRY = "deploy/host/entry.sh"
ASK_NUMBERS = "gh api repos/{owner}/{repo} --jq '.owner.id, .id'"


@dataclass(frozen=True)
class Change:
    """One thing that is wanted: `there` is empty where it has to be made, and the same where nothing has to change."""

    kind: str  # stack | public key | document
    name: str
    there: str
    wanted: str
    same: bool

    @property
    def word(self) -> str:
        return "keep" if self.same else "change" if self.there else "make"

    def as_data(self) -> dict[str, object]:
        lines = [] if self.same else foundation.diff(self.name, self.there, self.wanted)
        return {"kind": self.kind, "name": self.name, "change": self.word, "diff": lines}


@dataclass(frozen=True)
class Wanted:
    """All that is wanted, beside what is there."""

    found: Found
    shared: Stack
    environments: Mapping[str, Stack]
    documents: Mapping[str, str]
    changes: Sequence[Change]


# -- what is wanted ----------------------------------------------------------------------------------------------------


def both(owner_id: str, repository_id: str) -> tuple[str, str]:
    """GitHub's numbers, both or neither."""
    given = (owner_id.strip(), repository_id.strip())
    if any(given) and not all(one.isascii() and one.isdigit() for one in given):
        raise Refused(
            "GitHub's numbers of the owner and of the repository are given together, as digits.",
            remedy=f"Ask GitHub ({ASK_NUMBERS}), then: inv setup --owner-id <id> --repository-id <id>",
        )
    return given


def look(app: App, numbers: tuple[str, str]) -> Wanted:
    """Everything of `setup`."""
    settings = app.settings
    image = image_repository(app)
    there = app.foundation.stack(stack_name(settings.app))
    key = settings.signing.key if settings.signing else ""
    found = app.foundation.found(settings.aws.bucket, key, image)
    parameters = foundation.shared(
        app=settings.app,
        bucket=settings.aws.bucket,
        key=key,
        image=image,
        found=found,
        before=there.parameters if there else None,
    )
    shared = Stack(stack_name(settings.app), _read(app, f"{AWS}/foundation.yaml"), parameters)
    outputs = there.outputs if there else {}
    environments = {name: environment_stack(app, name, outputs, image, numbers) for name in settings.environments}
    documents = _documents(app)
    changes = [_stack_change(there, shared), *_key_changes(app, found)]
    changes += [_stack_change(app.foundation.stack(one.name), one) for one in environments.values()]
    return Wanted(found, shared, environments, documents, [*changes, *_document_changes(app, documents)])


def look_at_documents(app: App) -> Wanted:
    """The SSM document and nothing else."""
    documents = _documents(app)
    return Wanted(Found(), Stack("", "", {}), {}, documents, _document_changes(app, documents))


def image_repository(app: App) -> str:
    """The one ECR repository of the settings, if there is one; raises Refused for several."""
    named = {foundation.repository_name(one.image.repository) for one in app.settings.environments.values()} - {""}
    if len(named) > 1:
        raise Refused(
            f"The environments push to several image repositories ({', '.join(sorted(named))}); a release has one.",
            remedy="Give them all the same image.repository in tagship.toml: the environment is no part of an image",
        )
    return named.pop() if named else ""


def environment_stack(app: App, name: str, outputs: Mapping[str, str], image: str, numbers: tuple[str, str]) -> Stack:
    """An environment's stack. Before the app's stack is there, its outputs are not known: a word stands for each."""
    chosen, settings = app.settings.environments[name], app.settings
    hosts = chosen.runs_on(Ec2)
    unknown = MADE_BY_US.format(stack_name(settings.app))
    before = app.foundation.stack(stack_name(settings.app, name))
    template = foundation.with_blocks(
        _read(app, f"{AWS}/environment.yaml"),
        hosts.tags if hosts else {},
        chosen.secrets.parameter_store,
        [one.partition("#")[0] for one in chosen.secrets.secrets_manager.values()],
    )
    repository = _repository(app)
    parameters = {
        "App": settings.app,
        "Environment": name,
        "Bucket": settings.aws.bucket,
        "Lease": settings.lease_group(name),
        "Document": hosts.document if hosts else "tagship-deploy",
        "KeyArn": outputs.get("KeyArn", unknown),
        "SecretsKeyArn": chosen.secrets.kms_key,
        "ImageRepository": image if foundation.repository_name(chosen.image.repository) else "",
        "ProviderArn": outputs.get("ProviderArn", unknown),
        "Repository": repository,
        "NumberedRepository": _numbered(repository, numbers, before),
    }
    return Stack(stack_name(settings.app, name), template, parameters)


def _numbered(repository: str, numbers: tuple[str, str], before: Stack | None) -> str:
    """owner@id/name@id; without numbers, what the stack already has for this repository."""
    owner, _, name = repository.partition("/")
    if all(numbers):
        return f"{owner}@{numbers[0]}/{name}@{numbers[1]}"
    if before and before.parameters.get("Repository") == repository:
        return before.parameters.get("NumberedRepository", "")
    return ""


def _repository(app: App) -> str:
    """owner/name on GitHub, by the settings or by the remote."""
    named = app.settings.ci.repository
    if not named and app.settings.sandbox:
        named = f"sandbox/{app.settings.app}"
    known = repository_of(named or app.repository.remote_url())
    if known is None or known[0] != "github.com":
        raise SettingsError(
            "Which repository on GitHub may ship is not known: the remote is not on github.com.",
            remedy='Name it in ci.repository of tagship.toml ("owner/name"), or: inv setup --document-only',
        )
    return known[1]


def _documents(app: App) -> dict[str, str]:
    """Every SSM document that an environment names, as it should be."""
    content = document.render(_read(app, f"{AWS}/ssm-document.json"), _read(app, ENTRY))
    hosts = [one.runs_on(Ec2) for one in app.settings.environments.values()]
    return dict.fromkeys(sorted({one.document for one in hosts if one}), content)


def _read(app: App, name: str) -> str:
    try:
        return (app.root / name).read_text("utf-8")
    except OSError as reason:
        raise Refused(
            f"{name} cannot be read: {reason.strerror}.", remedy=f"Put it back: git checkout -- {name}"
        ) from None


# -- what differs ------------------------------------------------------------------------------------------------------


def _stack_change(there: Stack | None, wanted: Stack) -> Change:
    text = there.text if there else ""
    return Change("stack", wanted.name, text, wanted.text, text == wanted.text)


def _document_changes(app: App, documents: Mapping[str, str]) -> list[Change]:
    changes = []
    for name, content in documents.items():
        there = app.foundation.document(name)
        same = there is not None and same_document(there, content)
        changes.append(Change("document", name, there or "", content, same))
    return changes


def _key_changes(app: App, found: Found) -> list[Change]:
    """The public key beside the settings. Another one that is there is never written over: hosts have it pinned."""
    signing = app.settings.signing
    if not signing or not signing.key.startswith("kms:") or app.settings.sandbox:
        return []  # a PEM file's owner made both halves; the sandbox has a pair of its own
    path = app.root / signing.public_key
    there = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    if not found.key:
        wanted = MADE_BY_US.format(stack_name(app.settings.app)) + "\n"
        if there:
            raise _another_key(signing, "which is still to be made")
        return [Change("public key", signing.public_key, there, wanted, same=False)]
    wanted = app.foundation.public_key(signing.key)
    if there and not same_key(there, wanted):
        raise _another_key(signing, "as it is in the account")
    return [Change("public key", signing.public_key, there, wanted, same_key(there, wanted))]


def _another_key(signing: Signing, which: str) -> Refused:
    return Refused(
        f"{signing.public_key} is not the public half of {signing.key}, {which}.",
        remedy=f"If the key was changed on purpose, pin the new one on the hosts: rm {signing.public_key} && inv setup",
    )
