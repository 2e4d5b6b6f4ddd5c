"""Which stored version an environment goes back to: it was healthy, is not marked bad, and is as it was published."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from tagship.domain import commands, layout
from tagship.domain.deployment import Deployment, serving
from tagship.domain.standing import healthy_before, marked_bad, rollback_candidates, ways_back
from tagship.domain.text import either, listed, moment
from tagship.domain.version import ArtifactId, nearest
from tagship.engine.artifacts import Stored, altered, stored_ids, verified
from tagship.engine.before_tagship import way_before
from tagship.engine.gates import why_bad
from tagship.engine.plan import MANY, Facts
from tagship.engine.unpublished import meant
from tagship.errors import ArtifactError, ArtifactMissing, NotAuthentic, Refused, TagshipError
from tagship.ports.app import App

OFFERED = 10  # versions on the list


def chosen(app: App, known: Facts, *, ask: bool) -> Stored:
    """Choose the best version to go back to, or ask.

    With `ask`, a person picks it from the list. Altered ones are passed over.
    Raises Refused if there is none, NotAuthentic if those there are were altered.
    """
    passed_over: list[str] = []
    stored = _taken(app, known, known.history, ask, passed_over)
    if stored is None:  # a row of failures may be longer than what was read
        history = app.ledger.deployments(known.environment)
        stored = _taken(app, known, history, ask, passed_over)
        if stored is None:
            raise _nothing(app, known.environment, history, passed_over)
    return stored


def suggested(app: App, environment: str, history: Sequence[Deployment]) -> ArtifactId | None:
    """Find the version to name in a remedy; None if none.

    It is the best that can be gone back to.
    """
    return _intact(app, environment, _offered(app, environment, history))


def range_of(app: App, environment: str) -> list[ArtifactId]:
    """List what runs, and what can be gone back to."""
    history = app.ledger.deployments(environment)
    runs = [ArtifactId(version) for version in [serving(history)] if version]
    return list(dict.fromkeys([*runs, *_offered(app, environment, history)]))


def way_back(app: App, environment: str, but: str) -> str:
    """Spell the rollback to the last good version other than `but`.

    Empty if there is none, or AWS does not say.
    """
    try:
        history, marks = app.ledger.deployments(environment, MANY), app.ledger.marks(environment)
        good = _intact(app, environment, _kept_of(app, environment, rollback_candidates(history, but, marks)))
    except TagshipError:
        return ""
    return commands.rollback(good, environment) if good else ""


def first_good(app: App, environment: str, history: Sequence[Deployment], but: str) -> Stored | None:
    """Read the best version to go back to, other than `but`.

    None if there is none. All deployments are read if `history` has none.
    """
    marks = app.ledger.marks(environment)
    for whole in (False, True):
        deployments = app.ledger.deployments(environment) if whole else history
        for version in rollback_candidates(deployments, but, marks)[:OFFERED]:
            with suppress(ArtifactError):
                return verified(app, environment, version)
    return None


def kept(app: App, environment: str, artifact_id: ArtifactId) -> Stored:
    """Read a named artifact as it is stored.

    The error names a version that can be gone back to instead.
    """
    try:
        return verified(app, environment, artifact_id)
    except ArtifactMissing as reason:
        raise _missing(app, environment, artifact_id) from reason
    except NotAuthentic as reason:
        history = app.ledger.deployments(environment)
        raise NotAuthentic(reason.what, remedy=instead(app, environment, history)) from reason


def _offered(app: App, environment: str, history: Sequence[Deployment]) -> list[ArtifactId]:
    return _kept_of(app, environment, ways_back(history, app.ledger.marks(environment)))


def _kept_of(app: App, environment: str, versions: Sequence[ArtifactId]) -> list[ArtifactId]:
    """List those that are stored, the first OFFERED of them."""
    return [version for version in versions if _stored(app, environment, version)][:OFFERED]


def _intact(app: App, environment: str, versions: Sequence[ArtifactId]) -> ArtifactId | None:
    """Find the first that is as it was published."""
    return next((version for version in versions if not altered(app, environment, version)), None)


def _taken(app: App, known: Facts, history: Sequence[Deployment], ask: bool, passed_over: list[str]) -> Stored | None:
    """Take the first version that is as it was signed.

    Or, of a list that such a version heads, the one that a person takes.
    """
    environment = known.environment
    left = [version for version in _offered(app, environment, history) if version not in passed_over]
    while left:
        best = _believed(app, environment, left[0], passed_over)
        if best is None:
            del left[0]
            continue
        wanted = _asked(app, known, left, history) if ask else left[0]
        stored = best if wanted == left[0] else _believed(app, environment, wanted, passed_over)
        if stored:
            return stored
        left.remove(wanted)
    return None


def _asked(app: App, known: Facts, left: Sequence[ArtifactId], history: Sequence[Deployment]) -> ArtifactId:
    question = f"Roll {known.environment} back from {_leaving(known) or 'nothing'} to"
    return ArtifactId(app.prompt.choose(question, _choices(left, history)))


def _believed(app: App, environment: str, artifact_id: ArtifactId, passed_over: list[str]) -> Stored | None:
    try:
        return verified(app, environment, artifact_id)
    except ArtifactError as reason:
        app.screen.warn(f"{artifact_id} is ignored: {reason.what}")
        passed_over.append(artifact_id)
        return None


def _leaving(known: Facts) -> str:
    """Name what somebody who goes back wants to leave.

    A deployment that has not ended, or else what serves.
    """
    dead = known.unfinished
    return (dead.last.replaced if dead.first.action == "rollback" else dead.artifact_id) if dead else known.serving


def _choices(versions: Sequence[ArtifactId], history: Sequence[Deployment]) -> dict[str, str]:
    """Label each version with when and by whom it was healthy."""
    healthy = {deployment.artifact_id: deployment.last for deployment in history if deployment.state == "healthy"}
    return {
        version: f"{version}  healthy {moment(healthy[version].at)} UTC, {healthy[version].who}"
        if version in healthy
        else version
        for version in versions
    }


def _nothing(app: App, environment: str, history: Sequence[Deployment], passed_over: Sequence[str]) -> TagshipError:
    """Build the error if no version can be chosen.

    It names those that were altered or are left out as bad, and the way to such a one; and what ran before tagship, if
    the hosts keep it.
    """
    stored = _once_healthy(app, environment, history)
    left_out = [version for version in stored if version not in passed_over][:OFFERED]
    nothing = f"There is nothing to roll {environment} back to"
    if not passed_over and not any(deployment.state == "healthy" for deployment in history):
        ship = f"Ship a version: {commands.deploy_dev(environment)}"
        remedy = either(_before_tagship(app, environment), ship)
        return Refused(f"{nothing}: no version was ever healthy there.", remedy=remedy)
    remedy = _anyway(app, environment, history, left_out)
    if passed_over:
        return NotAuthentic(f"{nothing}: {listed(passed_over)} can't be used as stored.", remedy=remedy)
    if not left_out:
        return Refused(f"{nothing}: no other version that was healthy there is still stored.", remedy=remedy)
    return Refused(
        f"There is nothing good to roll {environment} back to: every {_all_bad(left_out)}.",
        remedy=remedy,
    )


def _once_healthy(app: App, environment: str, history: Sequence[Deployment]) -> list[ArtifactId]:
    """List what was healthy and is stored, whether bad or not."""
    healthy = healthy_before(history, serving(history))
    return [version for version in healthy if _stored(app, environment, version)]


def _all_bad(left_out: Sequence[ArtifactId]) -> str:
    return f"other version that was healthy there and is stored is marked bad ({listed(left_out)})"


def _anyway(app: App, environment: str, history: Sequence[Deployment], left_out: Sequence[ArtifactId]) -> str:
    """Say how to go to a bad version, or further back."""
    before = _before_tagship(app, environment)
    for artifact_id in left_out:
        if not altered(app, environment, artifact_id):
            bad = why_bad(app, environment, artifact_id, history)
            command = commands.rollback(artifact_id, environment, allow_bad=True)
            return either(f"Go to {artifact_id} anyway{f' ({bad.why})' if bad else ''}: {command}", before)
    if before or any(deployment.ended for deployment in history):
        return before or f"See what ran: {commands.history(environment)}"
    return f"Nothing ran there yet. See what can be deployed: {commands.versions(environment)}"


def _before_tagship(app: App, environment: str) -> str:
    """Say how to go back to what ran before tagship; or nothing."""
    undo = way_before(app, environment)
    return f"Go back to what ran before tagship: {undo}" if undo else ""


def _missing(app: App, environment: str, artifact_id: ArtifactId) -> ArtifactMissing:
    """Build the error of an artifact that is not stored.

    It tells a version that was removed from one that never was, and names what is stored.
    """
    history = app.ledger.deployments(environment)
    deployed = [deployment.first for deployment in history if deployment.artifact_id == artifact_id]
    stored = [version for version in stored_ids(app, environment) if version != artifact_id]
    problem = f"{artifact_id} was never published for {environment}."
    if deployed:
        when = moment(deployed[-1].at)
        problem = (
            f"{artifact_id} was deployed to {environment} on {when} UTC, and has been removed from the bucket since."
        )
    if not stored:
        return ArtifactMissing(problem, remedy=f"Publish a version: {commands.deploy_dev()}")
    near = nearest(artifact_id, stored, OFFERED)
    of = f", the nearest of {len(stored)}" if len(near) < len(stored) else ""
    choices = ", ".join(_described(app, environment, near, history))
    return ArtifactMissing(
        problem,
        state=f"Nothing was changed. Stored for {environment}{of}: {choices}.",
        remedy=either(_meant(app, environment, artifact_id, stored), instead(app, environment, history)),
    )


def _meant(app: App, environment: str, artifact_id: ArtifactId, stored: Sequence[str]) -> str:
    """Name the version that differs by its suffix alone; or nothing."""
    other = meant(app, environment, artifact_id, stored)
    return f"Go to {other}, which is stored: {commands.rollback(other, environment)}" if other else ""


def _described(app: App, environment: str, near: Sequence[str], history: Sequence[Deployment]) -> list[str]:
    """Describe versions: runs now, marked bad, or unusable."""
    bad, runs = marked_bad(history, app.ledger.marks(environment)), serving(history)
    words = {version: "marked bad" for version in near if version in bad}
    words |= {version: "can't be used as stored" for version in near if altered(app, environment, ArtifactId(version))}
    words |= {runs: "runs now"} if runs in near else {}
    return [f"{version} ({words[version]})" if version in words else version for version in near]


def instead(app: App, environment: str, history: Sequence[Deployment]) -> str:
    """Say how to go on from a version that is unusable.

    To the last good one; or else to one that is marked bad, which is said.
    """
    good = suggested(app, environment, history)
    if good:
        return f"Go to the last good one: {commands.rollback(good, environment)}"
    stored = _once_healthy(app, environment, history)[:OFFERED]
    left_out = [version for version in stored if not altered(app, environment, version)]
    problem = f"Every {_all_bad(left_out)}" if left_out else "No other version that was healthy here can be used"
    return f"{problem}. {_anyway(app, environment, history, left_out)}"


def _stored(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    """Tell whether the artifact exists: its manifest is there."""
    return app.store.head(layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST)) is not None
