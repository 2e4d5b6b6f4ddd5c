"""`tag`: make the next version of a channel. What leads up to the tag is the same for `deploy-dev`, which then pushes.

Fetch, look and check (release/inspect), choose the next version (release/next_version), plan (release/plan).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.release import ReleasePlan
from tagship.engine.signals import signals_interrupt
from tagship.errors import UNCHANGED, Interrupted, UsageError
from tagship.ports.app import App
from tagship.release.inspect import Wish, suffix_of
from tagship.release.plan import confirm, planned, question, show
from tagship.release.remedies import Remedies


@dataclass(frozen=True)
class Tagged:
    """How `tag` ended: planned | tagged."""

    outcome: str
    plan: ReleasePlan

    def as_data(self) -> dict[str, object]:
        return {"outcome": self.outcome, **self.plan.as_data()}


def tag(
    app: App,
    *,
    suffix: str = "",
    env: str = "",
    version: str = "",
    commit: str = "",
    yes: bool = False,
    first: bool = False,
    dry_run: bool = False,
    verbose: bool = False,
) -> Tagged:
    """Make the annotated tag of the next version here, and push nothing."""
    wish = Wish("tag", _channel(app, env, suffix), version, commit, yes, first, dry_run, verbose)
    with signals_interrupt():
        return _tag(app, wish)


def _tag(app: App, wish: Wish) -> Tagged:
    plan, facts = planned(app, wish)
    if plan.on_remote:
        _say_that_it_is_out(app, plan, Remedies.of(wish, plan, facts))
        return Tagged("planned" if wish.dry_run else "tagged", replace(plan, commands=[]))
    pushing = plan.commands[-1]
    plan = replace(plan, commands=plan.commands[:-1])
    if not plan.exists:
        show(app, wish, plan)
    if wish.dry_run:
        app.screen.say(UNCHANGED)
        return Tagged("planned", plan)
    if not plan.exists:
        confirm(app, wish, plan, question(plan, push=False))
        _make(app, plan)
    app.screen.say(f"{plan.tag} is tagged here, and not pushed.")
    app.screen.say(f"  push it: {pushing}")
    app.screen.say(f"  undo it: git tag --delete {plan.tag}")
    return Tagged("tagged", plan)


def _say_that_it_is_out(app: App, plan: ReleasePlan, remedies: Remedies) -> None:
    """Say that the remote has the tag, and what follows.

    It is neither made, nor pushed, nor taken back by deleting it here.
    """
    app.screen.say(f"{plan.tag} is this commit, and on {app.settings.git.remote} already. {UNCHANGED}")
    app.screen.say(f"  what became of it: {commands.deploy_dev(plan.environment, version=str(plan.version))}")
    app.screen.say(f"  another number:    {remedies.anew}")


def _make(app: App, plan: ReleasePlan) -> None:
    name, version = plan.tag, str(plan.version)
    try:
        app.repository.create_tag(version, plan.commit, plan.message)
    except KeyboardInterrupt as reason:
        made = app.repository.tag(version)
        state = f"The tag {name} was made here, and not pushed." if made else UNCHANGED
        remedy = f"To take it back: git tag --delete {name}" if made else f"See the tags: {commands.versions()}"
        raise Interrupted("Interrupted while tagging.", state=state, remedy=remedy) from reason


def _channel(app: App, environment: str, suffix: str) -> str:
    """Choose the environment: by name, by its versions' suffix, else dev."""
    if environment and suffix and suffix_of(app, environment) != suffix:
        raise UsageError(
            f"{environment}'s versions do not end in -{suffix}.",
            remedy=f"Give one of the two: --env {environment}",
        )
    return environment or (app.settings.environment_of(suffix) if suffix else "dev")
