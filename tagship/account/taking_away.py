"""What `setup --remove` does: list what goes and what stays, have that confirmed, and delete it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.account.places import place_of
from tagship.account.removal import Removal, removal, removal_of_region
from tagship.domain import commands
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed
from tagship.errors import Refused, UsageError, said_to_be_done
from tagship.ports.app import Account, App
from tagship.settings.previews import PREVIEWS

OF_FOLLOWERS = "CiRole"  # a parameter of a stack whose roles are another region's


@dataclass(frozen=True)
class Removed:
    """What setup took away, or would, and what it leaves, in words."""

    done: bool
    removed: Sequence[str]
    left: Sequence[str]

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def take_away(app: App, account: Account, environment: str, *, yes: bool, dry_run: bool) -> Removed:
    """Delete what setup made for an environment; list it first."""
    if app.settings.sandbox:
        raise Refused("A sandbox is taken away whole.", remedy=f"Take it away: {commands.sandbox('down')}")
    # Regions that follow come first: their policies are attached to roles of the first one, which could not go before.
    followers = [] if environment == PREVIEWS else app.regions(environment)[1:]
    parts = [*((region, removal_of_region(region)) for region in followers), (account, removal(account, environment))]
    goes_on = f"Its jobs, hosts and people lose their roles; what runs on the hosts of {environment} goes on."
    return _carried_out(app, environment, parts, goes_on, yes=yes, dry_run=dry_run)


def take_region_away(app: App, environment: str, region: str, *, yes: bool, dry_run: bool) -> Removed:
    """Delete what setup made in a region that the settings left.

    Raises UsageError if they name it.
    """
    named = [place.region for place in app.settings.places(environment)]
    if region in named:
        raise UsageError(
            f"{environment} is in {listed(named)}: setup would make what is in {region} again.",
            remedy=f"Take {region} out of environments.{environment}.regions, then again"
            if len(named) > 1
            else f"To take away all that setup made for {environment}: {commands.setup(remove=True, env=environment)}",
        )
    account = app.in_region(environment, region)
    parts = [(account, removal_of_region(account))]
    goes_on = _goes_on(account, environment, region)
    return _carried_out(app, environment, parts, goes_on, yes=yes, dry_run=dry_run, region=region)


def _goes_on(account: Account, environment: str, region: str) -> str:
    """Say who loses what when a region's stack goes."""
    stack = account.foundation.stack(stack_name(account.settings.app, environment))
    if stack and OF_FOLLOWERS not in stack.parameters:  # it was the first region, or the only one
        return f"Whoever has the roles of that stack loses them; what runs in {region} goes on, without tagship."
    return f"What runs in {region} goes on, without tagship."


def _carried_out(
    app: App,
    environment: str,
    parts: Sequence[tuple[Account, Removal]],
    goes_on: str,
    *,
    yes: bool,
    dry_run: bool,
    region: str = "",
) -> Removed:
    """List what goes and what stays, have that confirmed, and delete it."""
    names = [name for part, wanted in parts for name in _named(part, wanted)]
    left = [words for _, wanted in parts for words in wanted.left]
    for name in names:
        app.screen.say(f"remove {name}")
    for words in left:
        app.screen.say(f"leave  {words}")
    if not names:
        app.screen.say(f"nothing to remove: {region or 'the account'} has nothing that setup made for {environment}")
        return Removed(not dry_run, (), ())
    app.screen.say(goes_on)
    if not dry_run:
        if not yes:
            _confirm(app, environment, region)
        gone = list[str]()
        with said_to_be_done(lambda: f"Removed by then: {listed(gone)}." if gone else ""):
            for part, wanted in parts:
                _delete(part, wanted, gone)
    return Removed(not dry_run, names, left)


def _named(app: Account, wanted: Removal) -> list[str]:
    """Name what goes, with its region if that follows another."""
    names = [*(f"stack {name}" for name in wanted.stacks), *(f"document {name}" for name in wanted.documents)]
    return [f"{name} ({place_of(app)})" for name in names] if app.settings.images_in else names


def _confirm(app: App, environment: str, region: str) -> None:
    """Have the environment's name typed. Raises UsageError if nobody can be asked."""
    if not app.prompt.possible:
        again = commands.setup(remove=True, env=environment, region=region, yes=True)
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
