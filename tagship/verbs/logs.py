"""logs: what the app wrote, on every unit or some, wherever its kind of target keeps that."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.text import moment
from tagship.domain.units import Unit, noun_of
from tagship.engine.period import since_when
from tagship.engine.scope import chosen_units, one_environment
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.logs import Logged

AGO = "10m"
EVERY = 3.0  # seconds between two polls of --follow
LATE = timedelta(seconds=60)  # how much later than it says a line may arrive
AFTER = timedelta(seconds=30)  # that still belong to a deployment
POLLS = 5  # whose lines are remembered: a host that was silent once is not shown again


@dataclass(frozen=True)
class Lines:
    """What was shown, in its order."""

    lines: Sequence[LogLine]

    def as_data(self) -> list[dict[str, object]]:
        return [line.as_data() for line in self.lines]


def logs(
    app: App, *, env: str = "", unit: str = "", since: str = "", deployment: str = "", follow: bool = False
) -> Lines:
    """Show what the app wrote; nothing is changed.

    With `follow`, until it is interrupted.
    """
    entry = _entry(app, env, deployment) if deployment else None
    environment = entry.first.environment if entry else one_environment(app, env)
    window = _of_deployment(entry, since, follow=follow) if entry else TimeRange(_since(app, since or AGO))
    target = app.target(environment)
    units = chosen_units(target.units(), unit, "--unit")
    if not isinstance(target, Logged):
        raise Refused(f"A {noun_of(units)} has no log that tagship can read.", remedy=commands.status(environment))
    reading = _Reading(app, target, units)
    if follow:
        reading.follow(window)
    lines = [reading.show(line) for line in reading.lines(window)]
    if not lines:
        until = f" and {moment(window.until.isoformat())}" if window.until else ""
        app.screen.say(
            f"Nothing was written{' between' if until else ' since'} {moment(window.since.isoformat())}{until} UTC."
        )
    return Lines(lines)


def _since(app: App, text: str) -> datetime:
    begin = since_when(text, app.clock.now)
    if begin is None or begin > app.clock.now():
        raise UsageError(f"Invalid --since {text!r}: nothing is after it.", remedy=f"Give an age: --since {AGO}")
    return begin


def _entry(app: App, environment: str, deployment: str) -> Deployment:
    """Find the deployment that is meant. Raises UsageError."""
    environments = [environment] if environment else list(app.settings.environments)
    for name in environments:
        app.settings.environment(name)
        for entry in app.ledger.deployments(name):
            if entry.id == deployment:
                return entry
    raise UsageError(
        f"There is no deployment {deployment!r}.", remedy=f"See which there are: {commands.history(environment)}"
    )


def _of_deployment(entry: Deployment, since: str, *, follow: bool) -> TimeRange:
    """Take the time that a deployment took."""
    if since:
        raise UsageError("--deployment and --since both say since when.", remedy="Leave one of them out")
    if follow and entry.ended:
        raise UsageError(f"{entry.id} has ended: there is nothing to follow.", remedy="Leave --follow out")
    end = datetime.fromisoformat(entry.last.at) + AFTER if entry.ended else None
    return TimeRange(datetime.fromisoformat(entry.first.at), end)


@dataclass
class _Reading:
    """Reads one target's log, and warns of each problem once."""

    app: App
    target: Logged
    units: Sequence[Unit]
    warned: set[str] = field(default_factory=set)

    def lines(self, window: TimeRange) -> Iterator[LogLine]:
        return self.target.log(self.units, window, self._warn)

    def show(self, line: LogLine) -> LogLine:
        self.app.screen.say("  ".join(filter(None, (line.clock, line.unit, line.text))))
        return line

    def follow(self, window: TimeRange) -> None:
        """Show new lines as they come, until interrupted."""
        polls: deque[set[tuple[str, str]]] = deque(maxlen=POLLS)
        while True:
            seen, poll = set().union(*polls), set[tuple[str, str]]()
            for line in self._polled(window, first=not polls):
                key = (line.unit, line.id)
                if key not in seen and key not in poll:
                    self.show(line)
                poll.add(key)
                if line.at and line.at - LATE > window.since:
                    window = TimeRange(line.at - LATE)
            polls.append(poll)
            self.app.clock.sleep(EVERY)

    def _polled(self, window: TimeRange, *, first: bool) -> Iterable[LogLine]:
        """Poll once; later than the first time, a failure is a warning."""
        try:
            yield from self.lines(window)
        except ServiceFailed as reason:
            if first:
                raise
            self._warn(reason.what.rstrip("."))

    def _warn(self, text: str) -> None:
        if text not in self.warned:
            self.warned.add(text)
            self.app.screen.warn(text)
