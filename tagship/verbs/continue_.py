"""continue: have a deployment go on that waits for a person's decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.text import listed
from tagship.engine.pausing import Paused, paused, require_same
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Refused, UsageError, said_to_be_done
from tagship.ports.app import App
from tagship.ports.target import Pausable


@dataclass(frozen=True)
class Continued:
    """What goes on; not `done` is a dry run."""

    environment: str
    deployment: str
    units: Sequence[str]
    done: bool

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def continue_(app: App, *, env: str = "", dry_run: bool = False) -> Continued:
    """Have the deployment that holds an environment go on from its pause.

    Its lease stays its runner's. Raises Refused if nothing waits, Held if another deployment came meanwhile.
    """
    environment = one_environment(app, env)
    target = app.target(environment)
    if not isinstance(target, Pausable):
        raise UsageError(f"No deployment of {environment} waits for anybody.", remedy=f"Look: {commands.status()}")
    waiting = paused(app, environment)
    if waiting is None:
        raise Refused(
            f"No deployment of {environment} waits for a decision.",
            remedy=f"See what runs: {commands.status(environment)}",
        )
    for pause in waiting.pauses:
        app.screen.say(f"deployment {waiting.deployment}: {pause.words}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return Continued(environment, waiting.deployment, waiting.units, done=False)
    require_same(app, environment, waiting)
    going = list[str]()
    with said_to_be_done(lambda: f"Going on: {listed(going)}." if going else ""):
        for pause in waiting.pauses:
            target.go_on(pause)
            going.append(pause.unit)
        waiting.record(app, environment)
    _say_who_follows(app, environment, waiting)
    return Continued(environment, waiting.deployment, waiting.units, done=True)


def _say_who_follows(app: App, environment: str, waiting: Paused) -> None:
    if waiting.followed:
        app.screen.say(f"It goes on; {waiting.holder} follows it.")
    else:
        app.screen.say(f"It goes on unattended. Follow it: {commands.resume(environment, wait='10m')}")
