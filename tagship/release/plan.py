"""Last step towards a version's tag: the plan, shown and confirmed. Nothing is changed before that."""

from __future__ import annotations

from tagship.domain import release
from tagship.domain.release import ReleasePlan
from tagship.domain.version import Version
from tagship.errors import Interrupted
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.inspect import ReleaseFacts, Wish, judge, look, suffix_of, table
from tagship.release.next_version import decide, needs_a_terminal


def planned(app: App, wish: Wish) -> tuple[ReleasePlan, ReleaseFacts]:
    """Make the plan, and show each step on the way.

    Raises Refused with every check that failed.
    """
    suffix = suffix_of(app, wish.environment)
    if wish.version:
        release.parsed(wish.version, suffix)
        if not wish.dry_run and not wish.yes and not app.repository.tag(wish.version):  # one that is out asks nothing
            needs_a_terminal(app, wish, wish.version)
    facts = look(app, wish, suffix)
    judge(app, wish, facts)
    _show_tags(app, wish, facts)
    version, exists = decide(app, wish, facts)
    return _plan(app, wish, facts, version, exists), facts


def _show_tags(app: App, wish: Wish, facts: ReleaseFacts) -> None:
    """Show the channel's last tags; with --verbose, who made them and when."""
    if wish.verbose:
        table(app, facts.versions, facts.tags)
    elif facts.versions:
        app.screen.say(f"  last tags: {', '.join(map(str, facts.versions))}")


def _plan(app: App, wish: Wish, facts: ReleaseFacts, version: Version, exists: bool) -> ReleasePlan:
    repository, commit = app.repository, facts.commit
    since = _since(app, facts)
    subjects = repository.log(since.commit, commit) if since and since.commit and not exists else []
    text = release.message(
        app.settings.app,
        version,
        who=repository.me(),
        where=app.who,
        source=f"{facts.state.branch or 'a detached HEAD'} at {commit[:12]}",
        since=since.name if since else "",
        notes=subjects,
    )
    on_remote = exists and _is_on_remote(app, str(version))
    branch = "" if facts.checkout.apart or (on_remote and _has_commit(app, facts)) else facts.checkout.branch
    commands = repository.push_commands(commit, branch, str(version), text)
    if exists:
        commands = commands[-1:] if branch or not on_remote else []
    return ReleasePlan(
        app.settings.app,
        wish.environment,
        version,
        commit,
        branch,
        text,
        commands,
        exists,
        on_remote,
        since.name if since else "",
        subjects,
        app.settings.tag(version),
    )


def _is_on_remote(app: App, name: str) -> bool:
    """Tell whether the remote has this very tag."""
    # The fetch brings the remote's tags, but does not say which are only here.
    remote_tag, local_tag = app.repository.remote_tag(name), app.repository.tag(name)
    return bool(remote_tag and local_tag and remote_tag.oid == local_tag.oid)


def _has_commit(app: App, facts: ReleaseFacts) -> bool:
    return app.repository.on_branch(facts.commit, facts.checkout.branch)


def _since(app: App, facts: ReleaseFacts) -> Tag | None:
    """Return the tag that the notes begin after."""
    # What the environment runs, if that is known; else the latest.
    running = facts.recorded.serving
    tag = app.repository.tag(running.artifact_id) if running else None
    return tag or next(iter(facts.tags), None)


def show(app: App, wish: Wish, plan: ReleasePlan) -> None:
    """Say what ships; the exact commands only if they are asked for."""
    if not plan.exists:
        app.screen.say(f"  {plan.ships()}")
    if wish.dry_run or wish.verbose:
        for command in plan.commands:
            app.screen.say(f"\n{command}")  # not indented: a message's lines are part of the command
        app.screen.say()


def question(plan: ReleasePlan, *, push: bool) -> str:
    """Write the one question before anything is changed."""
    if plan.exists:
        return f"Push {plan.tag}{_with(plan)}?"
    tag = f"Tag {plan.commit[:7]} as {plan.tag}"
    return f"{tag} and push it{_with(plan)}?" if push else f"{tag}?"


def _with(plan: ReleasePlan) -> str:
    return f" with {plan.branch}" if plan.branch else ""


def confirm(app: App, wish: Wish, plan: ReleasePlan, text: str) -> None:
    """Ask, unless --yes was given; raise Interrupted if the answer is no."""
    if not wish.yes:
        needs_a_terminal(app, wish, str(plan.version))
        if not app.prompt.confirm(text):
            raise Interrupted("Not confirmed.", remedy=f"When it is time: {wish.command}")
