"""`setup`: make what an account needs before anything can be shipped to it, and bring it up to date later.

In order: the stack of the app (bucket, image repository, GitHub's provider), a stack for each environment (its keys,
the role of its GitHub jobs, the role of its hosts), the public halves of the keys in the repository, and the SSM
document that hosts obey; then a stack and the document in each region that follows an environment's first. Resources
that existed before are used unchanged. A second run finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tagship.account.desired import (
    ASK_NUMBERS,
    WITH_NUMBERS,
    ResourceChange,
    Wanted,
    both,
    look,
    look_at_documents,
    outputs_of,
)
from tagship.account.environment_stack import environment_stack
from tagship.account.keys import key_problems, wanted_files
from tagship.account.next_steps import next_steps
from tagship.account.places import place_of
from tagship.account.region_stack import look_at_region, name_of, require_roles
from tagship.account.stack_images import image_repository
from tagship.account.taking_away import Removed, take_away, take_region_away
from tagship.domain import commands, foundation
from tagship.domain.documents import same_document
from tagship.domain.foundation import Stack
from tagship.domain.text import listed
from tagship.engine.scope import one_environment
from tagship.errors import ServiceFailed, TagshipError, UsageError, said_to_be_done
from tagship.ports.app import Account, App
from tagship.settings.previews import ANY, PREVIEWS


@dataclass(frozen=True)
class Prepared:
    """What setup did, or would do; `outputs` by stack."""

    done: bool
    changes: Sequence[ResourceChange]
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_data(self) -> dict[str, object]:
        changes = [change.as_data() for change in self.changes]
        return {"done": self.done, "changes": changes, "outputs": {k: dict(v) for k, v in self.outputs.items()}}

    def named(self, place: str) -> Prepared:
        """Name the account of each stack; two may share a name."""
        changes = [replace(change, name=f"{change.name} ({place})") for change in self.changes]
        return replace(self, changes=changes, outputs={f"{k} ({place})": v for k, v in self.outputs.items()})


def setup(
    app: App,
    *,
    owner_id: str = "",
    repository_id: str = "",
    document_only: bool = False,
    remove: bool = False,
    env: str = "",
    region: str = "",
    yes: bool = False,
    dry_run: bool = False,
) -> Prepared | Removed:
    """Make and update what each account needs; see the module.

    `env`: the account of that environment alone, with whatever else is in it. `document_only`: the SSM document and
    nothing else. `remove`: delete what setup made for the environment `env`, and what its account's environments share
    if it is the last one; `previews` are all previews together. With `region`, what it made for it in a region that the
    settings don't name any more. Data stays. It is confirmed by the environment's name, or `yes`.
    `owner_id` and `repository_id` are GitHub's numbers, which name a repository created from 2026-07-15 in its tokens;
    in CI, the run's own.
    """
    if remove and region:
        return take_region_away(app, one_environment(app, env), region, yes=yes, dry_run=dry_run)
    if region:
        raise UsageError("--region is for --remove alone.", remedy=f"Every region: {commands.setup()}")
    if remove:
        environment = PREVIEWS if env == PREVIEWS else one_environment(app, env)
        account = app.at(f"pr-{ANY}" if env == PREVIEWS else environment)
        return take_away(app, account, environment, yes=yes, dry_run=dry_run)
    numbers = both(owner_id or app.ci.owner_id, repository_id or app.ci.repository_id)
    order = _Order(app, numbers, document_only, dry_run)
    accounts = [app.at(one_environment(app, env))] if env else list(app.accounts)
    accounts += _following(app, accounts)
    return order.carried_out(accounts[0]) if len(accounts) == 1 else _everywhere(app, accounts, order)


def _following(app: App, accounts: Sequence[Account]) -> list[Account]:
    """Return the regions that follow others, for an environment each."""
    names = [name for account in accounts for name in account.settings.environments]
    return [region for name in names for region in app.regions(name)[1:]]


def _everywhere(app: App, accounts: Sequence[Account], order: _Order) -> Prepared:
    """Prepare each account; one that can't be prepared stops no other.

    Raises the first account's error at the end.
    """
    done, problems = list[Prepared](), list[TagshipError]()
    for account in accounts:
        place, first = place_of(account), next(iter(account.settings.environments))
        app.screen.say(f"{place}: {listed(list(account.settings.environments))}")
        try:
            done.append(order.carried_out(account).named(place))
        except TagshipError as problem:
            app.screen.warn(f"{place}: {problem.what} Then for it alone: {commands.setup(env=first)}")
            problems.append(problem)
    if problems:
        places = "accounts and regions" if any(account.settings.images_in for account in accounts) else "accounts"
        seen = "could be looked at" if order.dry_run else "are as they should be"
        problems[0].state = f"{len(done)} of {len(accounts)} {places} {seen}; see above."
        raise problems[0]
    outputs = {name: made for part in done for name, made in part.outputs.items()}
    return Prepared(not order.dry_run, [change for part in done for change in part.changes], outputs)


@dataclass(frozen=True)
class _Order:
    """What is asked for, of whatever account or region."""

    app: App
    numbers: tuple[str, str]
    document_only: bool
    dry_run: bool

    def look(self, app: Account) -> Wanted:
        if self.document_only:
            return look_at_documents(app)
        return look_at_region(app, self.app.at(name_of(app))) if app.settings.images_in else look(app, self.numbers)

    def carried_out(self, app: Account) -> Prepared:
        """Make and update what one account or region needs."""
        wanted = self.look(app)
        _show(app, wanted, in_full=self.dry_run)
        if self.dry_run or all(change.same for change in wanted.changes):
            return Prepared(not self.dry_run, wanted.changes, self._outputs(app))
        done = list[str]()
        with said_to_be_done(lambda: f"Done by then: {listed(done)}." if done else ""):
            self._act(app, wanted, done)
            _check_done(self.look(app))
            outputs = self._outputs(app)
            for line in next_steps(app, outputs):
                app.screen.say(line)
        return Prepared(True, wanted.changes, outputs)

    def _act(self, app: Account, wanted: Wanted, done: list[str]) -> None:
        """Do it in order; add what is made or changed to `done`."""
        if app.settings.images_in and not self.document_only:
            require_roles(app, wanted.shared)
            _put(app, wanted.shared, done, protect=True)
        elif not self.document_only:
            outputs = _put(app, wanted.shared, done, protect=True).outputs
            for name in wanted.environments:
                _put(app, environment_stack(app, name, outputs, image_repository(app), self.numbers), done)
            _write_keys(app, done)
        for name, content in wanted.documents.items():
            current = app.foundation.document(name)
            if current is None or not same_document(current, content):
                version = app.foundation.put_document(name, content)
                done.append(f"document {name}")
                app.screen.say(f"document {name}: version {version} is the default")

    def _outputs(self, app: Account) -> dict[str, Mapping[str, str]]:
        return {} if self.document_only else outputs_of(app)


def _check_done(again: Wanted) -> None:
    """Look again; raises ServiceFailed if anything still differs."""
    left = [change.name for change in again.changes if not change.same]
    if left:
        raise ServiceFailed(
            f"AWS accepted the changes, but {listed(left)} still {'differs' if len(left) == 1 else 'differ'}.",
            state="The changes shown above were made.",
            remedy=f"See the difference: {commands.setup(dry_run=True)}",
        )


# -- doing it ----------------------------------------------------------------------------------------------------------


def _put(app: Account, stack: Stack, done: list[str], *, protect: bool = False) -> Stack:
    """Make or update a stack, unless it is already as wanted."""
    current = app.foundation.stack(stack.name)
    if current and current.text == stack.text:
        return current
    made = app.foundation.put_stack(stack, protect=protect)
    done.append(f"stack {stack.name}")
    app.screen.say(f"stack {stack.name}: done")
    return made


def _write_keys(app: Account, done: list[str]) -> None:
    """Write the stacks' public keys, the new one of a file first."""
    for file, current, wanted in wanted_files(app):
        if current == wanted:
            continue
        path = app.root / file.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, "utf-8")
        done.append(file.file)
        hosts = f"pin it on the hosts before anything is published: {commands.pin(file.environment)}"
        app.screen.say(f"wrote {file.file}: commit it; {hosts if current else 'hosts pin it'}")


# -- saying it ---------------------------------------------------------------------------------------------------------


def _show(app: Account, wanted: Wanted, *, in_full: bool) -> None:
    """Print a line for each resource, and with `in_full` how it differs."""
    for change in wanted.changes:
        app.screen.say(f"{change.word:6} {change.kind} {change.name}")
        if in_full and not change.same and change.current:
            for line in foundation.diff(change.name, change.current, change.wanted):
                app.screen.say(f"    {line}")
        elif in_full and not change.same:
            app.screen.say(f"    new, {len(change.wanted.splitlines())} lines")
    if wanted.shared.parameters.get("MakeBucket") == "no":
        _warn_of_bucket(app)
    for problem in key_problems(app) if wanted.environments else ():
        app.screen.warn(f"{problem}: see docs/keys.md")
    fresh = [change for change in wanted.changes if change.kind == "stack" and not change.current]
    if (
        fresh
        and wanted.environments
        and not any(stack.parameters["NumberedRepository"] for stack in wanted.environments.values())
    ):
        app.screen.say(
            "GitHub names a repository created from 2026-07-15 by its numbers too. If yours is one: "
            f"{WITH_NUMBERS} ({ASK_NUMBERS})"
        )
    if all(change.same for change in wanted.changes):
        app.screen.say("nothing to do")


def _warn_of_bucket(app: Account) -> None:
    bucket = app.settings.aws.bucket
    gaps = app.foundation.bucket_gaps(bucket, app.settings.app)
    if gaps:
        text = f"s3://{bucket} existed before, so setup does not change it: {', '.join(gaps)}"
        app.screen.warn(f"{text} (what it should be is in deploy/aws/foundation.yaml)")
