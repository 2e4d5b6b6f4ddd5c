"""Gates: a version that is older than what runs, or marked bad; an environment that is frozen, or its calendar closed.

Each is asked once, here: by deploy, rollback and why-not alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import aws_commands, commands, layout
from tagship.domain.deployment import Deployment, begun
from tagship.domain.freeze import FreezeUnreadable, Frozen
from tagship.domain.standing import Bad, bad_versions
from tagship.domain.text import either, moment
from tagship.domain.version import ArtifactId, is_older
from tagship.errors import Held, NotAuthentic, Refused, TagshipError
from tagship.ports.app import App


def require_newer(
    app: App, environment: str, wanted: ArtifactId, built: str, runs: str, *, bad: bool = False, again: str = ""
) -> None:
    """Raise Refused for a version older than the one that runs.

    `built` is its manifest's build time; `again` is the command that deploys it all the same, by default the plain one.
    Versions have their own order. Of two untagged builds the one whose commit came first is the older: their ids have
    the commits' times, which are of whoever made them, and to the second. Else what was built first is.
    """
    if goes_back(app, environment, wanted, built, runs):
        again = again or commands.deploy(wanted, environment, allow_bad=bad, allow_older=True)
        raise Refused(
            f"{wanted} is older than {runs}, which {environment} runs.",
            remedy=either(
                f"To go back: {commands.rollback(wanted, environment, allow_bad=bad)}",
                f"Or, to deploy it anyway: {again}",
            ),
        )


def goes_back(app: App, environment: str, wanted: ArtifactId, built: str, runs: str) -> bool:
    """Tell whether a version is older than what runs; see `require_newer`."""
    if not runs or runs == wanted:
        return False
    if ArtifactId(runs).built and wanted.built:
        before, after = (_came_before(app, *pair) for pair in ((wanted, runs), (runs, wanted)))
        if before or after:
            return before
    return is_older(wanted, runs, built, _built(app, environment, wanted, runs))


def _came_before(app: App, first: str, second: str) -> bool:
    """Tell whether an untagged build's commit led to another's.

    False if that can't be seen here: outside of a clone, or in one that lacks either.
    """
    try:
        return app.repository.is_ancestor(first[:8], second[:8])
    except TagshipError:
        return False


def _built(app: App, environment: str, wanted: ArtifactId, runs: str) -> str:
    """Tell when what runs was built, if only its manifest says.

    Empty if that is gone, or is not needed.
    """
    if is_older(wanted, runs) or is_older(runs, wanted):
        return ""
    try:
        from tagship.engine.artifacts import stored_manifest  # a third of what this module needs, for this gate alone

        manifest = stored_manifest(app, environment, ArtifactId(runs))
    except NotAuthentic:
        return ""
    return manifest.build_time if manifest else ""


def why_bad(app: App, environment: str, artifact_id: ArtifactId, history: Sequence[Deployment]) -> Bad | None:
    """Say why a version is marked bad; None if it isn't.

    `history` is the latest of the environment's deployments.
    A rollback from it before those still counts: unless the version came later, the whole ledger is read.
    """
    marks = app.ledger.marks(environment)
    bad = bad_versions(history, marks).get(artifact_id)
    if (bad and bad.by_hand) or _published_after(app, environment, artifact_id, history):
        return bad
    return bad_versions(app.ledger.deployments(environment), marks).get(artifact_id)


def _published_after(app: App, environment: str, artifact_id: ArtifactId, history: Sequence[Deployment]) -> bool:
    """Tell whether an artifact was published after these deployments began.

    That is, after the first of them: no deployment before it can be of that artifact.
    Both times are the store's own. (A number says nothing: what was rolled back from is higher than what came after.)
    """
    stored = app.store.head(layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST))
    return bool(stored and history and stored.modified > begun(history[0].id))


def require_good(environment: str, artifact_id: ArtifactId, bad: Bad | None, again: str) -> None:
    """Raise Refused for a version that is marked bad.

    `again` is the command that does it all the same.
    """
    if bad:
        raise Refused(
            f"{bad.said_of(artifact_id, environment)}.",
            remedy=either(
                f"To do it anyway: {again} --allow-bad",
                f"Or, if it is good after all: {commands.mark_good(artifact_id, environment, '…')}",
            ),
        )


def warn_of_bad(app: App, environment: str, artifact_id: ArtifactId, bad: Bad | None) -> None:
    """Warn that a version stays marked bad, though deployed.

    And say what ends that.
    """
    if bad is None:
        return
    app.screen.warn(bad.said_of(artifact_id, environment))
    if bad.by_hand:
        app.screen.say(f"  it stays marked until: {commands.mark_good(artifact_id, environment, '…')}")


def freeze_of(app: App, environment: str) -> Frozen | None:
    """Find the freeze that holds an environment now; None without one.

    One that has ended by the store's clock counts as none.
    """
    frozen = app.freezes.look(environment)
    return frozen if frozen and frozen.active else None


def frozen_by(app: App, environment: str) -> str:
    """Say who froze an environment until when and why.

    Or that nobody can read that; empty if it is not frozen.
    """
    try:
        frozen = freeze_of(app, environment)
    except FreezeUnreadable as reason:
        return reason.what.rstrip(".")
    return frozen.summary if frozen else ""


def require_unfrozen(app: App, environment: str) -> None:
    """Raise Held while an environment is frozen or its calendar closed.

    Raises Refused if that cannot be asked.
    A rollback is the way out that both leave open.
    """
    frozen = freeze_of(app, environment)
    if frozen:
        raise Held(
            f"{frozen.summary}.",
            remedy=f"Wait for its end, or agree with {frozen.freeze.who} and: {commands.thaw(environment)}",
        )
    name = app.settings.environment(environment).change_calendar
    window = app.at(environment).calendar.state(name) if name else None
    if window and not window.open:
        until = f" until {moment(window.changes)} UTC" if window.changes else ""
        look = aws_commands.calendar_state(name, app.settings.account(environment).where)
        raise Held(
            f"The change calendar {name} is closed for {environment}{until}.",
            remedy=f"Deploy when it is open: {look}",
        )
