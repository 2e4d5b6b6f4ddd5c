"""Whether the environment is still what somebody was shown who chose a version to go back to."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import either, moment
from tagship.engine.gates import why_bad
from tagship.engine.plan import Facts
from tagship.engine.rollback_candidates import suggested
from tagship.errors import Refused
from tagship.ports.app import App


class Changed(Refused):
    """The environment runs something else than what was shown.

    It was shown when the version was chosen.
    """


def require_foreseen(app: App, known: Facts, shown: Plan) -> None:
    """Raise Changed if the environment runs what was not foreseen.

    Somebody who was shown that plan can't have meant to leave that.
    """
    under_way = shown.unfinished.artifact_id if shown.unfinished else ""
    last = known.last
    if last is None or known.serving in {shown.replaces, shown.artifact_id, under_way}:
        return
    how = f"{last.first.action} by {last.first.who}, {moment(last.last.at)} UTC"
    raise Changed(
        f"{known.environment} changed since this was planned: it runs {known.serving} ({how}), not {shown.replaces}.",
        state=f"Nothing was changed. {known.serving} serves {known.environment}.",
        remedy=_onward(app, known, last, shown),
    )


def _onward(app: App, known: Facts, last: Deployment, shown: Plan) -> str:
    """Say what to go back to from what runs now.

    If somebody else is going back, it is what was shown, after a look.
    """
    environment, target = known.environment, shown.artifact_id
    bad = why_bad(app, environment, target, known.history)
    named = commands.rollback(target, environment, allow_bad=bad is not None)
    good = suggested(app, environment, known.history) if last.first.action == "deploy" else None
    if good and good != target:
        back = commands.rollback(good, environment)
        return either(f"Go back from {known.serving}: {back}", f"Or go to {target}, as was shown: {named}")
    return either(f"Look: {commands.status(environment)}", f"Then, to go to {target} as was shown: {named}")
