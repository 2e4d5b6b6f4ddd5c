"""unlock: break the lease of a deployment that died."""

from __future__ import annotations

from tagship.engine.holder import Holder, described, read
from tagship.engine.scope import one_environment
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.app import App


def unlock(app: App, *, id: str, env: str = "", dry_run: bool = False) -> Holder:
    """Free the lease of the deployment `id`; refuses when another holds it, or nobody does."""
    environment = one_environment(app, env)
    if not id:
        raise UsageError(
            "No deployment is named.",
            remedy=f"See which holds it, with the command to run: inv lock --env {environment}",
        )
    before = read(environment, app.leases.look(environment))
    if before.deployment != id:
        raise Refused(
            f"Deployment {id} does not hold {environment}: {described(before)}.",
            remedy=f"Look again: inv lock --env {environment}",
        )
    app.screen.say(described(before))
    _warn_of_commands(app, before)
    if dry_run:
        return before
    app.leases.break_(environment, id)
    app.screen.say(f"{environment} is free; {before.holder} stops before its next action")
    return read(environment, app.leases.look(environment))


def _warn_of_commands(app: App, held: Holder) -> None:
    """Whoever breaks a lease wants to know whether hosts act for it at this moment."""
    try:
        going = app.target(held.environment).in_flight(held.deployment, held.commands)
    except ServiceFailed as reason:
        app.screen.warn(f"whether hosts still act for it cannot be asked: {reason.what}")
        return
    if going:
        app.screen.warn(f"hosts still act for it, on SSM command {', '.join(going)}: they refuse its next one")
