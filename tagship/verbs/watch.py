"""watch: look at environments again and again, say what changes, and heal what drifted if that is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from tagship.domain import commands
from tagship.domain.text import counted, listed
from tagship.engine.abreast import Aside, Later
from tagship.engine.drift import NOT_KNOWN
from tagship.engine.figures import send_look
from tagship.engine.scope import patience
from tagship.engine.statuses import Status, looked
from tagship.errors import Incomplete, ServiceFailed, TagshipError, UsageError
from tagship.ports.app import App

EVERY, MOST = "30s", 3


@dataclass(frozen=True)
class Watched:
    """How the last look was, and how often each environment was healed."""

    statuses: Sequence[Status]
    healed: Counter[str] = field(default_factory=Counter)
    problem: str = ""  # why the last look is not whole

    @property
    def drifted(self) -> list[str]:
        return [current.environment for current in self.statuses if current.drifted]

    def as_data(self) -> dict[str, object]:
        statuses = [current.as_data() for current in self.statuses]
        return {"statuses": statuses, "healed": dict(self.healed), "problem": self.problem}

    def insist(self) -> None:
        """Raise ServiceFailed if not all was seen, Incomplete if something drifted."""
        if self.problem:
            raise ServiceFailed(f"Not every environment was seen: {self.problem}.", remedy=f"Look: {commands.status()}")
        if self.drifted:
            name = self.drifted[0]
            raise Incomplete(f"Drift: {listed(self.drifted)} is not as the ledger says.", remedy=commands.status(name))


def watch(
    app: App, *, env: str = "", every: str = EVERY, rounds: int = 0, heal: bool = False, most: int = MOST
) -> Watched:
    """Look at one environment, or all, until interrupted or for some rounds.

    With `heal`, bring units that two looks in a row saw drifted to what the ledger says, `most` times an environment.
    """
    pause = patience(every)
    if pause < 1 or rounds < 0 or most < 1:
        raise UsageError(
            f"Invalid --every {every!r}, --rounds {rounds} or --most {most}.",
            remedy="Give 1s or more, no rounds or more, and one heal or more: --every 30s --rounds 0 --most 3",
        )
    watcher = _Watcher(app, [env] if env else list(app.settings.environments), most if heal else 0)
    number = 1
    watched = watcher.look()
    while number != rounds:
        app.clock.sleep(pause)
        watched, number = watcher.look(), number + 1
    return watched


@dataclass
class _Watcher:
    """Looks, and knows what the look before saw.

    `most` heals an environment; 0: none.
    """

    app: App
    environments: Sequence[str]
    most: int
    said: dict[str, str] = field(default_factory=dict)
    before: dict[str, frozenset[str]] = field(default_factory=dict)  # environment -> units that had drifted
    healed: Counter[str] = field(default_factory=Counter)

    def look(self) -> Watched:
        """Look at every environment once, and say what changed."""
        statuses, problem = list[Status](), ""
        try:
            unheard = cast("App", Aside(self.app, Later()))  # what a look says of itself is the same each time
            for current in looked(unheard, self.environments):
                statuses.append(current)
                self._say(current.environment, _summary(current))
                send_look(self.app, current)
                self._mend(current)
        except TagshipError as reason:
            if not isinstance(reason, ServiceFailed):
                raise
            problem = reason.what.rstrip(".")
            self._say("", f"not seen: {problem}")
        return Watched(statuses, self.healed, problem)

    def _say(self, about: str, text: str) -> None:
        """Say it once, with the time, until it changes."""
        if self.said.get(about) != text:
            self.said[about] = text
            at = f"{self.app.clock.now():%Y-%m-%d %H:%M:%S} UTC"
            self.app.screen.say(f"{at}  {about}{': ' if about else ''}{text}")

    def _mend(self, current: Status) -> None:
        """Heal it if a heal helps, and nothing speaks against it."""
        environment = current.environment
        drifted = frozenset(unit.id for unit in current.units if unit.drift and unit.runs != NOT_KNOWN)
        again = drifted & self.before.get(environment, frozenset())
        self.before[environment] = drifted
        if not self.most or not again:
            return
        if why := _why_not(current, self.healed[environment], self.most):
            self._say(f"{environment} is not healed", why)
            return
        self.healed[environment] += 1
        command = commands.heal(environment, automatic=True)
        self.app.screen.say(f"$ {command}")
        code = self.app.machine.run_verb(command)
        self._say(f"{environment} was healed", f"{self.healed[environment]} of {self.most}, exit code {code}")


def _why_not(current: Status, healed: int, most: int) -> str:
    """Say what speaks against an automatic heal; empty if nothing does."""
    reasons = {
        current.lease.frozen: bool(current.lease.frozen),
        f"its lease is {current.lease.state}": current.lease.state != "free",
        f"not ended: {current.unfinished}": bool(current.unfinished),
        f"{current.artifact} is marked bad": bool(current.bad),
        "some of its ledger can't be read": bool(current.unread),
        "nothing was ever healthy there": not current.artifact,
        f"it was healed {counted(healed, 'time')}, and drifts again: look why": healed >= most,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _summary(current: Status) -> str:
    """Say in one line how it is."""
    drifted = [f"{unit.name} runs {unit.runs} ({unit.drift})" for unit in current.units if unit.drift]
    beside = [current.problem, current.uncommitted, *current.static.values()]
    drift = "; ".join(filter(None, [listed(drifted), *beside]))
    return f"{current.artifact or 'nothing'}, {f'DRIFT: {drift}' if current.drifted else 'as recorded'}"
