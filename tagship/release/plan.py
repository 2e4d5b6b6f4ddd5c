"""What leads up to a version's tag, last: the plan, as it is shown and confirmed. Nothing is changed before that."""

from __future__ import annotations

from tagship.domain import release
from tagship.domain.deployment import serving
from tagship.domain.release import Plan
from tagship.domain.version import Version
from tagship.errors import Interrupted, TagshipError
from tagship.ports.app import App
from tagship.release.choose import decided, needs_a_terminal
from tagship.release.inspect import Found, Wish, judge, look, suffix_of, table


def planned(app: App, wish: Wish) -> Plan:
    """Everything up to the plan, shown as it goes; raises Refused with every check that failed."""
    suffix = suffix_of(app, wish.environment)
    if wish.version:
        release.parsed(wish.version, suffix)
        if not wish.dry_run and not wish.yes:
            needs_a_terminal(app, wish, wish.version)
    found = look(app, wish, suffix)
    judge(app, found.look)
    table(app, found.versions, found.tags)
    version, exists = decided(app, wish, found)
    return _plan(app, wish, found, version, exists)


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
    if not app.signed_in:
        return fallback
    try:
        running = serving(app.ledger.deployments(environment))
    except TagshipError:
        return fallback
    return running if running and app.repository.tag(running) else fallback


def show(app: App, plan: Plan) -> None:
    app.screen.say(f"\nPlan: {plan.app} {plan.version} for {plan.environment}, commit {plan.commit[:12]}\n")
    for command in plan.commands:
        app.screen.say(f"{command}\n")  # not indented: a message's lines are part of the command


def confirm(app: App, wish: Wish, plan: Plan, question: str) -> None:
    if not wish.yes:
        needs_a_terminal(app, wish, str(plan.version))
        if not app.prompt.confirm(question):
            raise Interrupted("Not confirmed.", remedy=f"Run it again when it is time: {wish.command}")
