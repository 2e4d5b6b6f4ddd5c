"""What Ctrl-C means while units change by themselves: leave them, or stop it. Only a person at a terminal is asked."""

from __future__ import annotations

from tagship.domain.plan import Plan
from tagship.domain.text import plural
from tagship.errors import Interrupted
from tagship.ports.app import App

LEAVE, STOP = "leave", "stop"


def wants_it_stopped(app: App, plan: Plan) -> bool:
    """Ask whether the change is to be stopped; no without a terminal.

    A second Ctrl-C, at the question, leaves it.
    """
    if not app.prompt.possible:
        return False
    units = plural(plan.noun)
    choices = {
        LEAVE: f"leave it: the {units} go on unwatched",
        STOP: f"stop it: the {units} go back",
    }
    question = f"Leave {plan.artifact_id} on its way, or stop it?"
    try:
        with app.screen.aside():
            return app.prompt.choose(question, choices) == STOP
    except (Interrupted, KeyboardInterrupt):
        return False
