"""Follow the run of CI that a pushed tag started."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from tagship.domain.text import either
from tagship.errors import ServiceFailed
from tagship.ports.app import App
from tagship.ports.forge import Forge, Notice, Run, Step
from tagship.ports.people import Progress
from tagship.release.remedies import Remedies

Answer = TypeVar("Answer")

PATIENCE = 5  # questions in a row that may fail
CAUSES = (
    "the tag was pushed with CI's own GITHUB_TOKEN: such pushes start no workflow",
    "more than three tags were pushed at once: GitHub then sends no events",
    "no workflow at this commit has a trigger that matches the tag (on.push.tags)",
    "Actions are disabled in the repository, or have no minutes left",
)
_PREPARES = re.compile(
    r"check out|set up|log in|take over|hand over|install|run actions/|post |complete job|initialize|stop containers"
)
_PIN = re.compile(r"@[0-9a-f]{40}\b")  # an action's pinned commit: noise to whoever waits


def pause(waited: float) -> float:
    """Return the seconds until the next look."""
    # A tenth of what was waited already: the end is noticed soon, and cheaply.
    return min(max(waited / 10, 0.3), 10.0)


def find_run(app: App, forge: Forge, remedies: Remedies, within: float) -> Run:
    """Wait for the run of the plan's commit and tag.

    Raises ServiceFailed with the likely causes if none begins.
    """
    plan, began, failures = remedies.plan, app.clock.now(), 0
    while True:
        try:
            run, failures = forge.find_run(plan.commit, plan.tag), 0
        except ServiceFailed as reason:
            run, failures = None, failures + 1
            if failures >= PATIENCE:
                raise _unanswered(app, remedies, forge.where, reason) from reason
        if run:
            return run
        waited = (app.clock.now() - began).total_seconds()
        if waited >= within and not failures:
            raise no_run(app, forge, remedies)
        app.clock.sleep(pause(waited))


def no_run(app: App, forge: Forge, remedies: Remedies) -> ServiceFailed:
    """Say that CI has no run for the tag, and likely why."""
    # It will not start one later.
    version = remedies.plan.tag
    return ServiceFailed(
        f"No run began for {version} within {app.settings.ci.appears_within} s.",
        state=f"{version} is on {app.settings.git.remote}; as far as CI says, nothing deploys it.",
        remedy=either(
            f"Fix the cause ({forge.where} may show it); a tag that is on the remote starts no further run,",
            f"so then take a new number: {remedies.anew}",
        ),
        evidence="Likely causes:\n" + "\n".join(f"  - {cause}" for cause in CAUSES),
    )


def follow_to_its_end(app: App, forge: Forge, remedies: Remedies, run: Run, show: Progress) -> Run:
    """Show each step as it passes, until the run has ended."""
    began, shown = app.clock.now(), set[str]()
    while True:
        run = patiently(app, remedies, run, lambda latest=run: forge.run(latest.id))  # type: ignore[misc]
        _show_steps(run.steps, shown, show)
        if run.state == "completed":
            return run
        waited = (app.clock.now() - began).total_seconds()
        if waited >= app.settings.ci.timeout:
            raise ServiceFailed(
                f"The run did not end within {app.settings.ci.timeout} s.",
                state=f"The deployment of {remedies.plan.version} goes on, or hangs.",
                remedy=f"Look at {run.url}, or go on waiting: {remedies.look}",
            )
        app.clock.sleep(pause(waited))


def _show_steps(steps: Sequence[Step], ended: set[str], show: Progress) -> None:
    """Show the steps that ended since the last look, and the present.

    All runs show the same steps: what only prepares a job counts as the step that it prepares, and no step as nothing.
    """
    for number, step in enumerate(steps):
        if step.state == "queued" or step.conclusion == "skipped" or step.name in ended:
            continue
        if _prepares(step):
            prepared = _prepared(steps[number:])
            if step.state != "completed" and prepared:
                show(_label(prepared.name))
        elif step.state == "completed":
            ended.add(step.name)
            show(_label(step.name), took=max(1.0, step.seconds or 0.0))
        else:
            show(_label(step.name))


def _prepares(step: Step) -> bool:
    return _PREPARES.match(_label(step.name)) is not None


def _prepared(steps: Sequence[Step]) -> Step | None:
    """Find the step that a preparation leads to."""
    return next((step for step in steps if step.state == "queued" and not _prepares(step)), None)


def _label(name: str) -> str:
    """Shorten a step's name: `ship: Build` is `build`."""
    # Without its job's name and an action's pin.
    job, _, step = _PIN.sub("", name).partition(": ")
    label = step or job
    return label[:1].lower() + label[1:]


def rerun(app: App, forge: Forge, remedies: Remedies, run: Run) -> Run:
    """Start an ended run again, and wait until it shows.

    Raises ServiceFailed if it does not start.
    """
    try:
        forge.rerun(run.id)
    except ServiceFailed as reason:
        raise ServiceFailed(
            f"The run could not be started again: {reason.what}",
            state=f"{remedies.plan.tag} is on {app.settings.git.remote}; its last run failed.",
            remedy=f"Start it on its page ({run.url}), or take a new number: {remedies.anew}",
        ) from reason
    waited = 0.0
    while waited < app.settings.ci.appears_within:
        latest = patiently(app, remedies, run, lambda: forge.run(run.id))
        if latest.attempt > run.attempt or latest.state != "completed":
            return latest
        app.clock.sleep(pause(waited))
        waited += pause(waited)
    raise ServiceFailed(
        f"The run was asked to start again, and did not within {app.settings.ci.appears_within} s.",
        state=f"{remedies.plan.tag} is on {app.settings.git.remote}; its last run failed.",
        remedy=f"Look at {run.url}, or take a new number: {remedies.anew}",
    )


def notices_of(app: App, forge: Forge, remedies: Remedies, run: Run) -> list[Notice]:
    """Read what the run's steps said of themselves."""
    return patiently(app, remedies, run, lambda: list(forge.notices(run.id)))


def patiently(app: App, remedies: Remedies, run: Run, ask: Callable[[], Answer]) -> Answer:
    """Ask until there is an answer, though some questions fail."""
    # A run goes on whether or not GitHub's API answers.
    for attempt in range(1, PATIENCE + 1):
        try:
            return ask()
        except ServiceFailed as reason:
            if attempt == PATIENCE:
                raise _unanswered(app, remedies, run.url, reason) from reason
            app.clock.sleep(pause(10.0 * attempt))
    raise AssertionError


def _unanswered(app: App, remedies: Remedies, where: str, reason: ServiceFailed) -> ServiceFailed:
    """Say how things are if nobody answers."""
    # GitHub does its work although its API does not answer; a sandbox that does not answer does none.
    version = remedies.plan.version
    if app.settings.sandbox:
        state = f"{version} is pushed; its deployment stopped with the sandbox."
        return ServiceFailed(reason.what, state=state, remedy=either(reason.remedy, f"Then: {remedies.look}"))
    state = f"{version} is pushed, and CI goes on with it; its state is unknown here."
    return ServiceFailed(reason.what, state=state, remedy=f"Look at {where}, or later: {remedies.look}")
