"""lock: who holds an environment, for what, and since when: a deployment by its lease, a person by a freeze."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.deployment import unfinished
from tagship.engine.holder import Holder, lines, look, unlock_command
from tagship.ports.app import App


def lock(app: App, *, env: str = "") -> list[Holder]:
    """Show the lease of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    found = []
    for one in environments:
        app.settings.environment(one)
        found.append(look(app, one))
        _show(app, found[-1], resumable=_resumable(app, found[-1]))
    return found


def _resumable(app: App, found: Holder) -> bool:
    """Whether a deployment is left to be ended: what died may have been no deployment, or have changed nothing yet."""
    if found.state != "expired":
        return False
    last = unfinished(app.ledger.deployments(found.changes, 1))
    return bool(last and last.id == found.deployment)


def _show(app: App, found: Holder, *, resumable: bool) -> None:
    """A fact or a command a line: whoever reads it has eighty columns and little patience."""
    say = app.screen.say
    for line in lines(found):
        say(line)
    if found.state == "held":
        say("  wait for it:    add --wait 10m to your deploy or rollback")
        say(f"  if it is dead:  {unlock_command(found)}")
        say(f"  fence it off:   {commands.rollback(environment=found.changes, preempt=True)}")
        say("  (that cancels what it has in flight)")
    elif found.state == "expired":
        if resumable:
            say(f"  to end it:      {commands.resume(found.changes)}")
        say(f"  to free it:     {unlock_command(found)}")
        say("  or leave it: the next deployment takes it over, once its CI run has ended")
        say("  and no operation of it is in flight")
    if found.frozen:
        app.screen.say(f"  {found.frozen}")
