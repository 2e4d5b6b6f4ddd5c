"""`tag`: make the next version of a channel. What leads up to the tag is the same for `deploy-dev`, which then pushes.

Fetch, check, show the latest versions (release_look), decide on the next (next_version), plan (release_plan).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tagship.domain.release import Plan
from tagship.errors import UsageError
from tagship.ports.app import App
from tagship.release.inspect import Wish, suffix_of
from tagship.release.plan import confirm, planned, show


@dataclass(frozen=True)
class Tagged:
    """How `tag` ended: planned | tagged."""

    outcome: str
    plan: Plan

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
) -> Tagged:
    """Make the annotated tag of the next version here, and push nothing."""
    wish = Wish("tag", _channel(app, env, suffix), version, commit, yes, first, dry_run)
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


def _channel(app: App, environment: str, suffix: str) -> str:
    """Return the environment that is meant: by name, else by its versions' suffix, else dev."""
    if environment and suffix and suffix_of(app, environment) != suffix:
        raise UsageError(
            f"{environment}'s versions do not end in -{suffix}.",
            remedy=f"Give one of the two: --env {environment}",
        )
    return environment or (app.settings.environment_of(suffix) if suffix else "dev")
