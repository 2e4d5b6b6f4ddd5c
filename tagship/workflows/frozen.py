"""What holds an environment by a person's will: a freeze, or a change calendar that is closed.

The gate of deploys and promotions. A rollback never asks: going back must be possible at any hour.
"""

from __future__ import annotations

from tagship.domain.freeze import Frozen
from tagship.domain.times import moment
from tagship.errors import Held
from tagship.ports import App


def freeze_of(app: App, environment: str) -> Frozen | None:
    """The freeze that holds an environment now; None where there is none, or it has ended by the store's clock."""
    found = app.freezes.look(environment)
    return found if found and found.active else None


def not_frozen(app: App, environment: str) -> None:
    """Raises Held while an environment is frozen or its change calendar is closed; Refused where that cannot be asked.

    A rollback is the way out that both leave open.
    """
    found = freeze_of(app, environment)
    if found:
        raise Held(
            f"{found.told}.",
            remedy=f"Wait for its end, or agree with {found.freeze.who} and: inv thaw --env {environment}",
        )
    name = app.settings.environment(environment).change_calendar
    window = app.calendar.state(name) if name else None
    if window and not window.open:
        until = f" until {moment(window.changes)} UTC" if window.changes else ""
        raise Held(
            f"The change calendar {name} is closed for {environment}{until}.",
            remedy=f"Deploy when it is open: aws ssm get-calendar-state --calendar-names {name}",
        )
