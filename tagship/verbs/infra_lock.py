"""infra.lock: who has the Terraform state of an environment, and since when.

The lock is Terraform's own object; who is behind it, in which CI run, is what tagship noted beside it.
"""

from __future__ import annotations

from tagship.engine.statelocks import StateHolder, described, find, has_state, read, unlock_command
from tagship.ports.app import App


def infra_lock(app: App, *, env: str = "") -> list[StateHolder]:
    """Show the Terraform state lock of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    mine = [environment for environment in environments if has_state(app, environment)]
    if not mine:
        app.screen.say(f"Terraform has no state of {' or '.join(environments)}: no infra.directory in tagship.toml")
    holders = [read(app, environment, find(app, environment)) for environment in mine]
    for holder in holders:
        _show(app, holder)
    return holders


def _show(app: App, held: StateHolder) -> None:
    app.screen.say(described(held))
    if held.state == "held" and held.run != "lives":
        app.screen.say(f"  if it is dead: {unlock_command(held)}")
    elif held.state == "unreadable":
        app.screen.say(f"  if nobody works on that state: {unlock_command(held)}")
