"""What `setup` made for an environment, and what is left if it is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tagship.account.desired import documents_of
from tagship.account.places import place_of, shared_stack
from tagship.account.region_stack import name_of
from tagship.domain import commands
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed
from tagship.engine.previews import records
from tagship.errors import Refused, UsageError, said_to_be_done
from tagship.ports.app import Account, App
from tagship.settings.previews import PREVIEWS


@dataclass(frozen=True)
class Removal:
    """The stacks and documents to delete, in that order, and what stays."""

    stacks: Sequence[str]
    documents: Sequence[str]
    left: Sequence[str]


@dataclass(frozen=True)
class Removed:
    """What setup took away, or would, and what it leaves, in words."""

    done: bool
    removed: Sequence[str]
    left: Sequence[str]

    def as_data(self) -> dict[str, object]:
        return asdict(self)


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


# -- doing it ----------------------------------------------------------------------------------------------------------


def take_away(app: App, account: Account, environment: str, *, yes: bool, dry_run: bool) -> Removed:
    """Delete what setup made for an environment; list it first."""
    if app.settings.sandbox:
        raise Refused("A sandbox is taken away whole.", remedy=f"Take it away: {commands.sandbox('down')}")
    # Regions that follow come first: their policies are attached to roles of the first one, which could not go before.
    followers = [] if environment == PREVIEWS else app.regions(environment)[1:]
    parts = [*((region, removal_of_region(region)) for region in followers), (account, removal(account, environment))]
    names = [name for part, wanted in parts for name in _named(part, wanted)]
    left = [words for _, wanted in parts for words in wanted.left]
    for name in names:
        app.screen.say(f"remove {name}")
    for words in left:
        app.screen.say(f"leave  {words}")
    if not names:
        app.screen.say(f"nothing to remove: the account has nothing that setup made for {environment}")
        return Removed(not dry_run, (), ())
    app.screen.say(f"Its jobs, hosts and people lose their roles; what runs on the hosts of {environment} goes on.")
    if not dry_run:
        if not yes:
            _confirm(app, environment)
        gone = list[str]()
        with said_to_be_done(lambda: f"Removed by then: {listed(gone)}." if gone else ""):
            for part, wanted in parts:
                _delete(part, wanted, gone)
    return Removed(not dry_run, names, left)


def _named(app: Account, wanted: Removal) -> list[str]:
    """Name what goes, with its region if that follows another."""
    names = [*(f"stack {name}" for name in wanted.stacks), *(f"document {name}" for name in wanted.documents)]
    return [f"{name} ({place_of(app)})" for name in names] if app.settings.images_in else names


def _confirm(app: App, environment: str) -> None:
    """Have the environment's name typed. Raises UsageError if nobody can be asked."""
    if not app.prompt.possible:
        again = commands.setup(remove=True, env=environment, yes=True)
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again}")
    wrong = f"Type {environment} to go on, or press Ctrl-C."
    question = "Type the name of the environment to remove all of that"
    app.prompt.text(question, "", lambda typed: "" if typed == environment else wrong)


def _delete(app: Account, wanted: Removal, gone: list[str]) -> None:
    for name in wanted.documents:
        app.foundation.remove_document(name)
        gone.append(f"document {name}")
        app.screen.say(f"document {name}: removed")
    for name in wanted.stacks:
        app.foundation.remove_stack(name)
        gone.append(f"stack {name}")
        app.screen.say(f"stack {name}: removed")
