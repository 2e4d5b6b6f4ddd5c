"""`tag`: make the next version of a channel. What leads up to the tag is the same for `deploy-dev`, which then pushes.

Fetch, check, show the latest versions, decide on the next, plan. Nothing is changed before the plan is confirmed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.domain import release, times
from tagship.domain.deployment import serving
from tagship.domain.release import Look, Plan
from tagship.domain.version import Version, candidates
from tagship.errors import Interrupted, Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports import App, State, Tag

SHOWN = 5  # versions in the table
OTHER = "another"


@dataclass(frozen=True)
class Wish:
    """What the user said; empty where nothing was. `anew` asks for a version even where the commit has one."""

    verb: str
    environment: str
    version: str = ""
    commit: str = ""
    yes: bool = False
    first: bool = False
    dry_run: bool = False
    anew: bool = False

    @property
    def command(self) -> str:
        """What to type for the same again."""
        return f"inv {self.verb}" + (f" --env {self.environment}" if self.environment != "dev" else "")


@dataclass(frozen=True)
class Tagged:
    """How `tag` ended: planned | tagged | undone."""

    outcome: str
    plan: Plan

    def to_json(self) -> dict[str, object]:
        return {"outcome": self.outcome, **self.plan.to_json()}


def channel(app: App, *, environment: str, suffix: str) -> str:
    """The environment that the user means: by name, else by its versions' suffix, else dev."""
    if environment and suffix and _suffix(app, environment) != suffix:
        raise UsageError(
            f"{environment}'s versions do not end in -{suffix}.",
            remedy=f"Give one of the two: --env {environment}",
        )
    return environment or (app.settings.environment_of(suffix) if suffix else "dev")


def tag(
    app: App,
    *,
    environment: str,
    version: str = "",
    commit: str = "",
    yes: bool = False,
    first: bool = False,
    dry_run: bool = False,
) -> Tagged:
    """Make the annotated tag of the next version here, and push nothing."""
    wish = Wish("tag", environment, version, commit, yes, first, dry_run)
    plan = planned(app, wish)
    pushing = plan.commands[-1]
    plan = replace(plan, commands=plan.commands[:-1])
    show(app, plan)
    if dry_run:
        return Tagged("planned", plan)
    if not plan.exists:
        confirm(app, wish, plan, f"Tag {plan.commit[:12]} as {plan.version}?")
        app.repository.create_tag(str(plan.version), plan.commit, plan.message)
    app.screen.say(f"{plan.version} is tagged here, and not pushed.")
    app.screen.say(f"  push it: {pushing}")
    app.screen.say(f"  undo it: git tag --delete {plan.version}")
    return Tagged("tagged", plan)


# -- the plan ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What the look at checkout and remote found: the channel, its latest versions and their tags, what to tag."""

    suffix: str
    look: Look
    state: State
    commit: str
    versions: Sequence[Version]
    tags: Sequence[Tag]

    @property
    def latest(self) -> Version | None:
        return self.versions[0] if self.versions else None


def planned(app: App, wish: Wish) -> Plan:
    """Everything up to the plan, shown as it goes; raises Refused with every check that failed."""
    suffix = _suffix(app, wish.environment)
    if wish.version:
        release.parsed(wish.version, suffix)
        if not wish.dry_run and not wish.yes:
            _needs_a_terminal(app, wish, wish.version)
    found = _look(app, wish, suffix)
    _judge(app, found.look)
    table(app, found.versions, found.tags)
    version, exists = _decide(app, wish, found)
    return _plan(app, wish, found, version, exists)


def _suffix(app: App, environment: str) -> str:
    """The suffix of an environment's versions; raises SettingsError where there is no such environment."""
    app.settings.environment(environment)
    return app.settings.suffix(environment)


def _look(app: App, wish: Wish, suffix: str) -> Found:
    repository = app.repository
    branch = app.settings.environment(wish.environment).branch or repository.state("").branch
    unreachable, moved = _fetched(app, branch, suffix)
    state = repository.state(branch)
    commit, apart = _commit(app, wish, branch, state)
    versions = repository.newest(suffix, SHOWN)
    look = Look(
        verb=wish.verb,
        suffix=suffix,
        branch=branch,
        remote=app.settings.git.remote,
        current=state.branch,
        unreachable=unreachable,
        dirty=() if wish.commit else state.dirty,
        shallow=state.shallow,
        ahead=state.ahead,
        behind=state.behind,
        moved=moved,
        tagged=bool(versions) or bool(unreachable),
        first=wish.first,
        ci=_ci(app, commit),
        apart=apart,
    )
    return Found(suffix, look, state, commit, versions, repository.tags([str(one) for one in versions]))


def _fetched(app: App, branch: str, suffix: str) -> tuple[str, Sequence[str]]:
    """Why the remote could not be asked (empty: it was), and the tags that moved."""
    try:
        return "", app.repository.fetch(branch, suffix)
    except (ServiceFailed, Refused) as reason:
        return reason.what.rstrip("."), ()


def _commit(app: App, wish: Wish, branch: str, state: State) -> tuple[str, bool]:
    """The commit to tag, and whether it is one that the remote's branch has, apart from what is checked out."""
    if not wish.commit:
        return state.head, False
    commit = app.repository.resolve(wish.commit)
    if app.repository.on_branch(commit, branch):
        return commit, True
    if not app.repository.in_head(commit):
        raise Refused(
            f"{commit[:12]} is neither on {app.settings.git.remote}/{branch} nor in what is checked out.",
            remedy=f"Choose one of: git log --oneline {app.settings.git.remote}/{branch}",
        )
    return commit, False


def _ci(app: App, commit: str) -> str | None:
    if not app.settings.ci.green_before_tag:
        return None
    return app.forge.green(commit) if app.forge else ""


def _judge(app: App, look: Look) -> None:
    """Show every check, and refuse if one failed."""
    found = release.checks(look)
    for one in found:
        app.screen.say(f"  {'ok' if one.passed else 'NO'}  {one.name}")
    failed = [one for one in found if not one.passed]
    if failed:
        raise release.refuse(failed)


def table(app: App, versions: Sequence[Version], tags: Sequence[Tag]) -> None:
    """The latest versions of a channel: when, who, and which commit."""
    known = {one.name: one for one in tags}
    rows = []
    for number, version in enumerate(versions):
        one = known.get(str(version))
        when = times.moment(one.when) if one and one.when else ""
        mark = "latest" if number == 0 else ""
        rows.append(
            (str(version), when, one.tagger.split(" <")[0] if one else "", one.commit[:12] if one else "", mark)
        )
    if rows:
        app.screen.table(("version", "tagged (UTC)", "by", "commit", ""), rows)


# -- the decision ------------------------------------------------------------------------------------------------------


def _decide(app: App, wish: Wish, found: Found) -> tuple[Version, bool]:
    """The version to make, and whether its tag is there already, made by an earlier run for this very commit."""
    latest = found.latest
    if wish.version:
        return _given(app, wish, found)
    if latest and not wish.anew and any(one.name == str(latest) and one.commit == found.commit for one in found.tags):
        app.screen.say(f"This commit is {latest} already: going on with that. (Another number: --version)")
        return latest, True
    offers = candidates(latest, found.suffix)
    first = next(iter(offers.values()))
    if wish.yes or wish.dry_run:
        return first, False
    _needs_a_terminal(app, wish, str(first))
    return _asked(app, found, offers), False


def _given(app: App, wish: Wish, found: Found) -> tuple[Version, bool]:
    version = release.parsed(wish.version, found.suffix)
    existing = app.repository.tag(wish.version)
    if existing and existing.commit == found.commit:
        app.screen.say(f"This commit is {version} already: going on with that.")
        return version, True
    reason = _why_not(app, found, wish.version)
    if reason:
        nearest = next(iter(candidates(found.latest, found.suffix).values()))
        raise Refused(
            f"{version} cannot be the next version: {reason}.",
            remedy=f"Take the next one: {wish.command} --version {nearest}",
        )
    return version, False


def _why_not(app: App, found: Found, entry: str) -> str:
    return release.why_not_next(entry, suffix=found.suffix, latest=found.latest, holder=lambda name: holder(app, name))


def holder(app: App, name: str) -> str:
    """What a taken version points at, since when, and whose it is; empty for one that is free."""
    found = app.repository.tag(name)
    return told(app, found) if found else ""


def told(app: App, found: Tag) -> str:
    by = f" by {found.tagger}" if found.tagger else ""
    when = f", {times.ago(app.clock.now() - found.when)}" if found.when else ""
    return f"{found.name} is commit {found.commit[:12]}, tagged{by}{when}"


def _asked(app: App, found: Found, offers: dict[str, Version]) -> Version:
    choices = {str(one): f"{one}  ({part})" for part, one in offers.items()}
    chosen = app.prompt.choose("Which version is next?", {**choices, OTHER: "another version …"})
    if chosen == OTHER:
        chosen = app.prompt.text("Version:", next(iter(choices)), lambda entry: _why_not(app, found, entry))
    return release.parsed(chosen, found.suffix)


def _needs_a_terminal(app: App, wish: Wish, version: str) -> None:
    if not app.prompt.possible:
        missing = "no --yes" if wish.version else "neither --version nor --yes"
        raise UsageError(
            f"There is no terminal to ask at, and {missing} was given.",
            remedy=f"Say it in flags: {wish.command} --version {version} --yes",
        )


# -- the plan, shown ---------------------------------------------------------------------------------------------------


def _plan(app: App, wish: Wish, found: Found, version: Version, exists: bool) -> Plan:
    repository, commit = app.repository, found.commit
    since = _since(app, wish.environment, found.latest)
    text = release.message(
        app.settings.app,
        version,
        who=repository.me(),
        where=app.who,
        source=f"{found.state.branch or 'a detached HEAD'} at {commit[:12]}",
        since=since,
        notes=repository.log(since, commit) if since and not exists else [],
    )
    branch = "" if found.look.apart else found.look.branch
    commands = repository.push_commands(commit, branch, str(version), text)
    chosen = commands[-1:] if exists else commands
    return Plan(app.settings.app, wish.environment, version, commit, branch, text, chosen, exists)


def _since(app: App, environment: str, latest: Version | None) -> str:
    """The version that the notes begin after: what the environment runs, where that is known; else the latest tag."""
    fallback = str(latest) if latest else ""
    if not ledger_at_hand(app):
        return fallback
    try:
        running = serving(app.ledger.deployments(environment))
    except TagshipError:
        return fallback
    return running if running and app.repository.tag(running) else fallback


def ledger_at_hand(app: App) -> bool:
    """Whether the ledger can be read without asking anybody: a developer needs no AWS credentials."""
    named = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
    return app.settings.sandbox or bool(app.settings.aws.profile) or any(os.environ.get(name) for name in named)


def show(app: App, plan: Plan) -> None:
    app.screen.say(f"\nPlan: {plan.app} {plan.version} for {plan.environment}, commit {plan.commit[:12]}\n")
    for command in plan.commands:
        app.screen.say(f"{command}\n")  # not indented: a message's lines are part of the command


def confirm(app: App, wish: Wish, plan: Plan, question: str) -> None:
    if not wish.yes:
        _needs_a_terminal(app, wish, str(plan.version))
        if not app.prompt.confirm(question):
            raise Interrupted("Not confirmed.", remedy=f"Run it again when it is time: {wish.command}")
