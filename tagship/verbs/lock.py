"""lock: who holds an environment, for what, and since when: a deployment by its lease, a person by a freeze."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.deployment import unfinished
from tagship.engine.holder import Holder, lines, look, unlock_command
from tagship.ports.app import App


def lock(app: App, *, env: str = "") -> list[Holder]:
    """Show the lease of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    holders = []
    for environment in environments:
        app.settings.environment(environment)
        holders.append(look(app, environment))
        _show(app, holders[-1], resumable=_resumable(app, holders[-1]))
    return holders


def _resumable(app: App, holder: Holder) -> bool:
    """Tell whether a deployment is left to be ended.

    What died may have been no deployment, or have changed nothing yet.
    """
    if holder.state != "expired":
        return False
    last = unfinished(app.ledger.deployments(holder.changes, 1))
    return bool(last and last.id == holder.deployment)


def _show(app: App, holder: Holder, *, resumable: bool) -> None:
    """Show a fact or a command a line.

    Whoever reads it has eighty columns and little patience.
    """
    say = app.screen.say
    for line in lines(holder):
        say(line)
    if holder.state == "held":
        say("  wait for it:    add --wait 10m to your deploy or rollback")
        say(f"  if it is dead:  {unlock_command(holder)}")
        say(f"  fence it off:   {commands.rollback(environment=holder.changes, preempt=True)}")
        say("  (that cancels what it has in flight)")
    elif holder.state == "expired":
        if resumable:
            say(f"  to end it:      {commands.resume(holder.changes)}")
        say(f"  to free it:     {unlock_command(holder)}")
        once = "its CI run has ended and " if holder.run_url else ""
        say("  or leave it: the next deployment takes it over,")
        say(f"  once {once}no operation of it is in flight")
    if holder.frozen:
        app.screen.say(f"  {holder.frozen}")
